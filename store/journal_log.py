"""The journal of an output in object storage: a SQLite database on this machine, whose log is in the bucket.

SQLite appends each transaction to a log (its WAL). Database and log are in a temporary folder. Each transaction uploads
its part of the log to the bucket before it counts as committed. The next process joins the pieces, and SQLite recovers
them as after a power cut (ADR 0019).

OUT/.oshiwake/journal/00000001   a database, whole
                     /00000002   the part of the log of the first transaction after it; and so on
OUT/.oshiwake/lock               the lease of the process that has it open

A piece gets the next number only if no piece has it yet. So if two processes both believe that they hold the journal,
one is refused at its next transaction, before it places any picture.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from store.errors import DamagedStore, JournalBusy, OutputGone, StoreError
from store.journal_database import JOURNAL_FOLDER, JournalDatabase
from store.location import ObjectPath
from store.location.lease import Lease
from store.temporary_folders import Scratch, sweep_scratch

__all__ = ["JournalLog", "log_exists"]

_PIECE = re.compile(r"[0-9]{8,}")
_WHOLE = b"SQLite format 3\0"
"""Signature of a database; a piece of the log begins in another way."""

_FETCHING = 16
_MANY_PIECES = 1000
"""Maximum number of pieces; a journal with more is written whole when it is closed."""


class JournalLog(JournalDatabase):
    """An open journal whose transactions are all in the bucket."""

    folder: ObjectPath
    path: ObjectPath

    def __init__(self, output: ObjectPath, wait_s: float, *, may_make: bool) -> None:
        """Open the journal, with the errors of `Journal`; OutputGone where there is none to be made."""
        self.folder = output / JOURNAL_FOLDER
        self.path = _pieces_folder(output)
        self._next = 1
        self._logged = 0
        sweep_scratch()
        self._scratch = Scratch()
        self._file = self._scratch.path / "journal.sqlite"
        self._wal = Path(f"{self._file}-wal")
        with contextlib.ExitStack() as on_error, self._storage():
            on_error.callback(self._scratch.remove)
            self._lease = Lease(self.folder / "lock", wait_s)
            on_error.callback(self._lease.release)
            self._fetch(may_make)
            self.db = self._connect()
            on_error.callback(self.db.close)
            with self.transaction():
                self.prepare(made_output=False)
                # Opening always writes, so that the second of two processes is refused here.
                self.db.execute("INSERT OR REPLACE INTO meta VALUES ('opened', ifnull(" + _OPENED + ", 0) + 1)")
            on_error.pop_all()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block to the bucket, or nothing of it.

        After any exception the journal is unusable: this machine may be ahead of the bucket, and the log may contain
        rolled-back changes.

        Raises:
            JournalBusy: Another process has taken the journal over.
            StoreError: It cannot be written.
        """
        try:
            with super().transaction():
                yield
            with self._storage():
                if added := self._read_log():
                    self._put_piece(added)
        except BaseException:
            self.db.close()
            raise

    def check(self) -> None:
        """Check the lease."""
        self._lease.check()

    def close(self) -> None:
        """Release the journal; if its log has grown longer than the database, write the database whole first."""
        if not self._file.exists():
            return  # closed, or removed
        try:
            if self._logged > self._file.stat().st_size or self._next - self._first > _MANY_PIECES:
                with contextlib.suppress(StoreError, sqlite3.Error), self._storage():
                    self._write_whole()
            self.db.close()
        finally:
            self._release()

    def remove(self) -> None:
        """Delete the newest piece first: if this process dies, an earlier state of the journal is left."""
        try:
            self.check()
            with self._storage():
                for number in sorted(_numbers(self.path), reverse=True):
                    self._piece(number).unlink()
            self.db.close()
        finally:
            self._release()

    def _release(self) -> None:
        self._lease.release()
        self._scratch.remove()

    def _fetch(self, may_make: bool) -> None:
        """Join database and log from the pieces; write the first piece if there is none."""
        numbers = sorted(_numbers(self.path))
        if not numbers and not may_make:
            raise OutputGone(f"{self.folder.parent} has no journal")
        if not numbers:
            with contextlib.closing(self._connect()):
                pass
            self._put_piece(self._file.read_bytes())
            self._first = 1
            return
        with ThreadPoolExecutor(_FETCHING) as pool:
            pieces = list(pool.map(lambda number: self._piece(number).read_bytes(), numbers))
        whole = max((at for at, piece in enumerate(pieces) if piece.startswith(_WHOLE)), default=None)
        if whole is None or numbers[whole:] != list(range(numbers[whole], numbers[-1] + 1)):
            raise DamagedStore(f"{self.path}: pieces of the journal are missing")
        self._file.write_bytes(pieces[whole])
        self._wal.write_bytes(b"".join(pieces[whole + 1 :]))
        self._logged = self._wal.stat().st_size
        self._first, self._next = numbers[whole], numbers[-1] + 1
        self._forget(numbers[:whole])

    def _connect(self) -> sqlite3.Connection:
        """Open the database without checkpoints: the log only grows."""
        db = sqlite3.connect(self._file, isolation_level=None)
        try:
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "wal_autocheckpoint = 0"):
                db.execute(f"PRAGMA {pragma}")
            db.execute("PRAGMA synchronous = OFF")  # the bucket is the durable copy
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            db.close()
            raise DamagedStore(f"{self.path}: {error}") from error
        return db

    def _read_log(self) -> bytes:
        """The new bytes of the log."""
        with self._wal.open("rb") as file:
            file.seek(self._logged)
            added = file.read()
        self._logged += len(added)
        return added

    def _put_piece(self, content: bytes) -> None:
        piece = self._piece(self._next)
        try:
            # For a server that ignores the condition; the lease keeps others away in between.
            if piece.stat() is not None:
                raise FileExistsError
            piece.write(content, new=True)
        except FileExistsError as error:
            # A request that is repeated because its answer was lost finds its own object.
            if piece.read_bytes() != content:
                output = self.folder.parent
                raise JournalBusy(f"another process places files in {output} now; this one stops") from error
        self._next += 1

    def _write_whole(self) -> None:
        self.check()
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._put_piece(self._file.read_bytes())
        self._forget(range(self._first, self._next - 1))

    def _forget(self, numbers: Iterator[int] | range | list[int]) -> None:
        """Delete pieces that a later one contains."""
        with ThreadPoolExecutor(_FETCHING) as pool:
            list(pool.map(lambda number: self._piece(number).unlink(), numbers))

    def _piece(self, number: int) -> ObjectPath:
        return self.path / f"{number:08d}"

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot write the output {self.folder.parent}: {error.strerror or error}") from error


_OPENED = "(SELECT value FROM meta WHERE key = 'opened')"


def log_exists(output: ObjectPath) -> bool:
    """Whether an output in object storage has a journal.

    Raises:
        OSError: The storage does not answer, or denies access.
    """
    return next(iter(_numbers(_pieces_folder(output))), None) is not None


def _pieces_folder(output: ObjectPath) -> ObjectPath:
    return output / JOURNAL_FOLDER / "journal"


def _numbers(folder: ObjectPath) -> Iterator[int]:
    return (int(path.name) for path in folder.iterdir() if _PIECE.fullmatch(path.name))
