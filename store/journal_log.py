"""The journal of an output in object storage: a SQLite database on this machine, whose log is in the bucket.

SQLite writes each transaction to the end of a log (its WAL). Here the database and its log lie in a temporary folder,
and what a transaction adds to the log is put into the bucket before the transaction counts as done. Who opens the
journal next lays the pieces together again, and SQLite reads them as it does after a power cut (ADR 0019).

OUT/.oshiwake/journal/00000001   a database, whole
                     /00000002   what the first transaction after it added to the log; and so on
OUT/.oshiwake/lock               the lease of who has it open

A piece is put under the next number only where there is none yet. So of two processes that both take themselves for the
holder, one is refused at its next transaction, which comes before any picture is placed.
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
from store.lease import Lease
from store.object_storage import stat_object, write_object
from store.roots import Roots
from store.temporary_folders import Scratch, sweep_scratch

__all__ = ["JournalLog", "log_exists"]

_PIECE = re.compile(r"[0-9]{8,}")
_WHOLE = b"SQLite format 3\0"
"""So a database begins; a piece of its log begins with the number of a page, or with another word."""

_FETCHING = 16
_MANY_PIECES = 1000
"""From so many on the journal is written down whole when it is closed, however small they are."""


class JournalLog(JournalDatabase):
    """An open journal of which every transaction is in the bucket."""

    def __init__(self, output: Path, roots: Roots, wait_s: float, *, may_make: bool) -> None:
        """Open the journal, as `Journal` does.

        Raises:
            OutputGone: There is none, and it may not be made.
            JournalBusy: Another process holds it.
            NewerSchema: A newer program wrote it.
            DamagedStore: The pieces make no journal.
            StoreError: The storage does not answer, or refuses us.
        """
        self.folder = output / JOURNAL_FOLDER
        self.roots = roots
        self.path = _pieces_folder(output)
        self._next = 1
        self._logged = 0
        sweep_scratch()
        self._scratch = Scratch()
        self._file = self._scratch.path / "journal.sqlite"
        self._wal = Path(f"{self._file}-wal")
        with contextlib.ExitStack() as on_error, self._storage():
            on_error.callback(self._scratch.remove)
            self._lease = Lease(bytes(self.folder / "lock"), wait_s)
            on_error.callback(self._lease.release)
            self._fetch(may_make)
            self.db = self._connect()
            on_error.callback(self.db.close)
            with self.transaction():
                self.prepare(made_output=False)
                # Something is always written: who comes second is refused here.
                self.db.execute("INSERT OR REPLACE INTO meta VALUES ('opened', ifnull(" + _OPENED + ", 0) + 1)")
            on_error.pop_all()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens in the block, in the bucket, or nothing of it.

        After any exception the journal is of no more use: this machine may be ahead of the bucket, and the log may hold
        what was rolled back.

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
        """Make sure that the journal is still ours.

        Raises:
            JournalBusy: Another process has taken it over.
            StoreError: The storage does not answer.
        """
        self._lease.check()

    def close(self) -> None:
        """Let go of the journal; written down whole first when its log has grown longer than itself."""
        if not self._file.exists():
            return  # closed, or removed
        try:
            if self._logged > self._file.stat().st_size or self._next - self._first > _MANY_PIECES:
                with contextlib.suppress(StoreError, sqlite3.Error), self._storage():
                    self._write_whole()
            self.db.close()
        finally:
            self._let_go()

    def remove(self) -> None:
        """Take the journal away and let go of it; who waits for it makes a new one.

        The newest piece goes first: what is left, if this process dies, is the journal as it was.
        """
        try:
            self.check()
            with self._storage():
                for number in sorted(_numbers(self.path), reverse=True):
                    self._piece(number).unlink()
            self.db.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._lease.release()
        self._scratch.remove()

    def _fetch(self, may_make: bool) -> None:
        """Lay database and log together from the pieces; put a first piece there where there is none."""
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
        """Open the database so that all goes to the end of the log, and nothing from there into the database."""
        db = sqlite3.connect(self._file, isolation_level=None)
        try:
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "wal_autocheckpoint = 0"):
                db.execute(f"PRAGMA {pragma}")
            db.execute("PRAGMA synchronous = OFF")  # the bucket is what lasts
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            db.close()
            raise DamagedStore(f"{self.path}: {error}") from error
        return db

    def _read_log(self) -> bytes:
        """What the log has grown by."""
        with self._wal.open("rb") as file:
            file.seek(self._logged)
            added = file.read()
        self._logged += len(added)
        return added

    def _put_piece(self, content: bytes) -> None:
        path = bytes(self._piece(self._next))
        try:
            # A server that does not know the condition is asked first; the lease keeps others away in between.
            if stat_object(path) is not None:
                raise FileExistsError
            write_object(path, content, new=True)
        except FileExistsError as error:
            # Sent twice, because the first answer was lost, it finds itself.
            if self._piece(self._next).read_bytes() != content:
                output = self.folder.parent
                raise JournalBusy(f"another process places files in {output} now; this one stops") from error
        self._next += 1

    def _write_whole(self) -> None:
        self.check()
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._put_piece(self._file.read_bytes())
        self._forget(range(self._first, self._next - 1))

    def _forget(self, numbers: Iterator[int] | range | list[int]) -> None:
        """Take away pieces that a later one holds as well."""
        with ThreadPoolExecutor(_FETCHING) as pool:
            list(pool.map(lambda number: self._piece(number).unlink(), numbers))

    def _piece(self, number: int) -> Path:
        return self.path / f"{number:08d}"

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot write the output {self.folder.parent}: {error.strerror or error}") from error


_OPENED = "(SELECT value FROM meta WHERE key = 'opened')"


def log_exists(output: Path) -> bool:
    """Whether an output in object storage has a journal.

    Raises:
        OSError: The storage does not answer, or refuses us.
    """
    return next(iter(_numbers(_pieces_folder(output))), None) is not None


def _pieces_folder(output: Path) -> Path:
    return output / JOURNAL_FOLDER / "journal"


def _numbers(folder: Path) -> Iterator[int]:
    return (int(path.name) for path in folder.iterdir() if _PIECE.fullmatch(path.name))
