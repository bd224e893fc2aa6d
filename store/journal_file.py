"""A journal as a SQLite file, locked by one process.

SQLite provides transactions and the lock (ADR 0004). The holder may delete the file, and a waiting process creates a
new one. So after locking, the name must still be that of the same file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from store.errors import DamagedStore, JournalBusy, OutputGone, StoreError
from store.journal_database import JOURNAL_FOLDER, JournalDatabase

__all__ = ["JournalFile"]

_TRIES = 10
"""Attempts to open a journal that its holder deletes meanwhile."""


class JournalFile(JournalDatabase):
    """An open journal file."""

    folder: Path
    path: Path

    def __init__(self, output: Path, wait_s: float, *, may_make: bool, makes_output: bool) -> None:
        """Open the journal of a folder, with the errors of `Journal`; OutputGone where there is none to be made."""
        self.folder = output / JOURNAL_FOLDER
        self.path = self.folder / "journal.sqlite"
        for _ in range(_TRIES):
            try:
                made_output = may_make and (self._make_folders(output) or makes_output)
            except FileNotFoundError:
                continue  # another process has deleted the output folder meanwhile
            self._need_no_link()
            try:
                if self._open(may_make, made_output, wait_s):
                    return
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise JournalBusy(f"another process is placing files in {output}; wait for it to finish") from error
                raise StoreError(f"{self.path}: {error}") from error
            except sqlite3.DatabaseError as error:
                raise DamagedStore(f"{self.path}: {error}") from error
            if not may_make:
                raise OutputGone(f"{output} has no journal")
        raise JournalBusy(f"{output} is being made and deleted by other processes")

    def _make_folders(self, output: Path) -> bool:
        """Create the output folder and the journal's if missing; return whether the output folder was missing."""
        try:
            made_output = not output.exists()
            output.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"cannot write the output folder {output}: {error.strerror}") from error
        return made_output

    def _need_no_link(self) -> None:
        if self.folder.is_symlink() or self.path.is_symlink():
            raise StoreError(f"{self.path}: a symbolic link stands where the journal should be; remove it")

    def _open(self, may_make: bool, made_output: bool, wait_s: float) -> bool:
        """Open and lock the file; False if there is none, or its holder has deleted it meanwhile."""
        try:
            file = _make_or_find(self.path, may_make)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        self.db = sqlite3.connect(self.path, timeout=wait_s, isolation_level=None)
        try:
            self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.db.execute("PRAGMA synchronous = EXTRA")  # also syncs the folder when the rollback file is deleted
            self.db.execute("BEGIN EXCLUSIVE")
            if found := _identity(self.path) == file:
                self.prepare(made_output)
                self.db.execute("COMMIT")
        except BaseException:
            self.close()
            raise
        if not found:
            self.close()
        return found

    def remove(self) -> None:
        for path in self.folder.glob(f"{self.path.name}*"):
            path.unlink()
        self.close()


def _make_or_find(path: Path, may_make: bool) -> tuple[int, int]:
    """Create an empty file if missing and allowed; return its identity."""
    with contextlib.suppress(FileExistsError):
        if may_make:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    status = path.stat()
    return status.st_dev, status.st_ino


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
