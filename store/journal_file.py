"""The file of a journal: opened, locked for one process, read and written in transactions.

SQLite gives the transactions and the lock (ADR 0004). Who holds the file may take it away, and who waits for it then
makes a new one: after locking it is looked at whether the name still means the same file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from store.errors import DamagedStore, JournalBusy, StoreError, UnknownRoot
from store.files import SCHEMA, check_schema
from store.roots import ANYWHERE, Roots

__all__ = ["JOURNAL_FOLDER", "JournalFile"]

JOURNAL_FOLDER = ".oshiwake"
"""Name of the folder in OUT that holds the journal."""

_TRIES = 10
"""How often the journal is opened anew when its holder takes it away just then."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS operation (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL,
  action TEXT NOT NULL,
  path BLOB NOT NULL,
  member BLOB NOT NULL,
  source BLOB NOT NULL,
  target BLOB NOT NULL,
  digest BLOB NOT NULL,
  placed TEXT NOT NULL DEFAULT '',
  done INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS operation_run ON operation (run, id);
CREATE INDEX IF NOT EXISTS operation_image ON operation (path, member);
CREATE INDEX IF NOT EXISTS operation_open ON operation (id) WHERE done = 0;
CREATE TABLE IF NOT EXISTS placement (
  target BLOB PRIMARY KEY,
  path BLOB NOT NULL,
  member BLOB NOT NULL,
  action TEXT NOT NULL,
  digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS placement_image ON placement (path, member);
CREATE INDEX IF NOT EXISTS placement_moved ON placement (digest) WHERE action = 'move';
CREATE TABLE IF NOT EXISTS folder_time (
  run TEXT NOT NULL, path BLOB NOT NULL, mtime_ns INTEGER NOT NULL, PRIMARY KEY (run, path)
) WITHOUT ROWID;
"""


class JournalFile:
    """An open journal file, and what is noted in it by keys.

    Attributes:
        folder: The folder that holds it.
        roots: This machine's map of named roots.
    """

    def __init__(
        self, output: Path, roots: Roots = ANYWHERE, *, wait_s: float = 5.0, makes_output: bool = False
    ) -> None:
        """Open the journal, made when there is none, and wait for another holder to finish.

        `makes_output` says that the output folder is ours although it stands: its maker died before the journal was.

        Raises:
            JournalBusy: Another process still held it after `wait_s` seconds.
            NewerSchema: A newer program wrote it.
            DamagedStore: The file is no journal.
            StoreError: The output folder cannot be written, or something else stands where the journal should.
        """
        self.folder = output / JOURNAL_FOLDER
        self.roots = roots
        self._path = self.folder / "journal.sqlite"
        for _ in range(_TRIES):
            made_output = self._make_folders(output) or makes_output
            try:
                if self._open(made_output, wait_s):
                    return
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise JournalBusy(f"another process is placing files in {output}; wait for it to finish") from error
                raise StoreError(f"{self._path}: {error}") from error
            except sqlite3.DatabaseError as error:
                raise DamagedStore(f"{self._path}: {error}") from error
        raise JournalBusy(f"{output} is being made and taken away by other processes")

    def _make_folders(self, output: Path) -> bool:
        """Make the output folder and the journal's where they are missing; tell whether the first was."""
        made_output = not output.exists()
        try:
            output.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot write the output folder {output}: {error.strerror}") from error
        if self.folder.is_symlink() or self._path.is_symlink():
            raise StoreError(f"{self._path}: a symbolic link stands where the journal should be; remove it")
        return made_output

    def _open(self, made_output: bool, wait_s: float) -> bool:
        """Open and lock the file; False when the process that held it has taken it away meanwhile."""
        try:
            file = _make_or_find(self._path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        self._db = sqlite3.connect(self._path, timeout=wait_s, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA synchronous = EXTRA")  # also syncs the folder when its rollback file goes
            self._db.execute("BEGIN EXCLUSIVE")
            if found := _identity(self._path) == file:
                self._prepare(made_output)
        except BaseException:
            self.close()
            raise
        if not found:
            self.close()
        return found

    def _prepare(self, made_output: bool) -> None:
        if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            check_schema(int(self.meta("schema") or 0), self._path)
        for statement in _TABLES.split(";"):
            self._db.execute(statement)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (SCHEMA,))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('made_output', ?)", (int(made_output),))
        self._name_roots()
        self._db.execute("COMMIT")

    def _name_roots(self) -> None:
        """Once for each set of names: paths written down before there were named roots get their names."""
        names, before = ",".join(self.roots.names), self.meta("roots")
        if before and not names:
            raise UnknownRoot(
                f"{self.folder.parent} was sorted with OSHIWAKE_ROOTS that map {before!s}; set them here too"
            )
        if before == names or not names:
            return
        self._db.create_function("stored", 1, self.roots.stored_bytes, deterministic=True)
        self._db.execute("UPDATE operation SET path = stored(path), source = stored(source), target = stored(target)")
        self._db.execute("UPDATE OR REPLACE placement SET path = stored(path), target = stored(target)")
        self._db.execute("UPDATE OR REPLACE folder_time SET path = stored(path)")
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('roots', ?)", (names,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the journal."""
        self._db.close()

    def remove(self) -> None:
        """Take the journal away and let go of it; who waits for it makes a new one."""
        for path in self.folder.glob(f"{self._path.name}*"):
            path.unlink()
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that happens in the block, durably, or nothing of it.

        Raises:
            StoreError: It cannot be written.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"{self._path}: {error}") from error

    def meta(self, key: str) -> bytes | int | str | None:
        """A noted value, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def note(self, key: str, value: bytes | int | str | None) -> None:
        """Note a value durably; None takes it away."""
        with self._transaction():
            if value is None:
                self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
            else:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _make_or_find(path: Path) -> tuple[int, int]:
    """Make an empty file where there is none; return which file it is."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    status = path.stat()
    return status.st_dev, status.st_ino


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
