"""The database of a journal: tables, transactions, and notes by key."""

from __future__ import annotations

import contextlib
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import cast

from store.errors import StoreError
from store.files import SCHEMA, check_schema
from store.location import Location

__all__ = ["JOURNAL_FOLDER", "JournalDatabase", "Note", "read_note"]

Note = bytes | int | str | None

JOURNAL_FOLDER = ".oshiwake"
"""Name of the folder in OUT that holds the journal."""

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
CREATE INDEX IF NOT EXISTS placement_digest ON placement (digest);
CREATE INDEX IF NOT EXISTS placement_moved ON placement (digest) WHERE action = 'move';
CREATE INDEX IF NOT EXISTS placement_digest ON placement (digest);
CREATE TABLE IF NOT EXISTS taken (target BLOB PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hand_file (
  target BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL, run TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hand_file_digest ON hand_file (digest);
CREATE TABLE IF NOT EXISTS looked_at (
  target BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folder_time (
  run TEXT NOT NULL, path BLOB NOT NULL, mtime_ns INTEGER NOT NULL, PRIMARY KEY (run, path)
) WITHOUT ROWID;
"""


class JournalDatabase(ABC):
    """An open journal's database; subclasses set all attributes.

    Attributes:
        folder: The folder in OUT that holds it.
        path: The file, as errors name it.
        db: The connection. All writes are in a `transaction`.
    """

    folder: Location
    path: Location
    db: sqlite3.Connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block durably, or roll it back after any exception.

        Raises:
            StoreError: It cannot be written.
        """
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):  # closed, or already rolled back by SQLite
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{self.path}: {error}") from error
            raise

    def check(self) -> None:  # noqa: B027 - nothing to do is an answer
        """Check that this process still holds the journal; a file lock lasts as long as the process.

        Raises:
            JournalBusy: Another process has taken it over.
        """

    def close(self) -> None:
        """Release the journal."""
        self.db.close()

    @abstractmethod
    def remove(self) -> None:
        """Delete the journal and release it; a process that waits for it makes a new one."""

    def prepare(self, made_output: bool) -> None:
        """Create missing tables and notes; needs a transaction.

        Raises:
            NewerSchema: A newer program wrote it.
        """
        if self.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            check_schema(int(read_note(self.db, "schema") or 0), self.path)
        for statement in _TABLES.split(";"):
            self.db.execute(statement)
        self.db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (SCHEMA,))
        self.db.execute("INSERT OR IGNORE INTO meta VALUES ('made_output', ?)", (int(made_output),))
        self.db.execute("INSERT OR IGNORE INTO meta VALUES ('id', lower(hex(randomblob(16))))")


def read_note(db: sqlite3.Connection, key: str) -> Note:
    """A noted value, or None."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else cast(Note, row[0])
