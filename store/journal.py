"""The journal of an output folder: every file operation, written before it happens.

It stands in the output folder itself (`OUT/.oshiwake/journal.sqlite`), because it tells what is in that folder: whoever
deletes the folder deletes the journal with it, and nothing stale remains. SQLite gives the transactions (ADR 0004).

Two tables. `operation` is the log, in order, with the run that did it; it is what undo reverses. `placement` is the
present state that the log adds up to: which image stands where. Paths below a named root are written down by its name
(`store.roots`), so that a machine that has the same folders in other places reads the journal too.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from store.errors import DamagedStore, JournalBusy, StoreError
from store.files import SCHEMA, check_schema
from store.operation import Action, Image, Operation, Placement
from store.roots import ANYWHERE, Roots

__all__ = ["JOURNAL_FOLDER", "Journal"]

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


class Journal:
    """The open journal; holding it means being the only process that places files in this output folder."""

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
        names = ",".join(self.roots.names)
        if not names or self.meta("roots") == names:
            return
        self._db.create_function("stored", 1, self.roots.stored_bytes, deterministic=True)
        self._db.execute("UPDATE operation SET path = stored(path), source = stored(source), target = stored(target)")
        self._db.execute("UPDATE OR REPLACE placement SET path = stored(path), target = stored(target)")
        self._db.execute("UPDATE OR REPLACE folder_time SET path = stored(path)")
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('roots', ?)", (names,))

    def __enter__(self) -> Journal:
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

    def placements(self, image: Image) -> list[Placement]:
        """Where an image stands now, in the order of the targets."""
        rows = self._db.execute(
            "SELECT target, action, digest FROM placement WHERE path = ? AND member = ? ORDER BY target",
            (self._stored(image.path), image.member),
        )
        return [Placement(self._here(target), Action(action), digest) for target, action, digest in rows]

    def anything_moved(self) -> bool:
        """Whether any original stands in the output by a move."""
        return self._db.execute("SELECT 1 FROM placement WHERE action = 'move' LIMIT 1").fetchone() is not None

    def moved_twin(self, image: Image, digest: bytes) -> bytes | None:
        """Where another original with the same bytes was moved to, or None."""
        row = self._db.execute(
            "SELECT target FROM placement WHERE action = 'move' AND digest = ? AND path <> ? ORDER BY target LIMIT 1",
            (digest, self._stored(image.path)),
        ).fetchone()
        return None if row is None else self._here(row[0])

    def plan(
        self, run: str, operations: Sequence[Operation], folder_times: Iterable[tuple[bytes, int]] = ()
    ) -> list[Operation]:
        """Write operations down, durably, before they happen; return them with their numbers.

        Args:
            run: The run that does them.
            operations: In the order in which they will be done.
            folder_times: Folders of originals that a move is about to change, with their times in nanoseconds.
        """
        planned: list[Operation] = []
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO folder_time VALUES (?, ?, ?)",
                [(run, self._stored(path), mtime) for path, mtime in folder_times],
            )
            for op in operations:
                cursor = self._db.execute(
                    "INSERT INTO operation (run, action, path, member, source, target, digest, placed)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(run, op.action, self._stored(op.image.path), op.image.member),
                        *(self._stored(op.source), self._stored(op.target), op.digest, op.placed or ""),
                    ),
                )
                planned.append(replace(op, id=cursor.lastrowid or 0))
        return planned

    def settle(self, done: Iterable[Operation], dropped: Iterable[Operation] = ()) -> None:
        """Write down, in one transaction, which planned operations have happened and which never will."""
        done = list(done)
        with self._transaction():
            self._db.executemany(
                "UPDATE operation SET done = 1, action = ? WHERE id = ?", [(op.action, op.id) for op in done]
            )
            for op in done:
                self._apply(op)
            self._db.executemany("DELETE FROM operation WHERE id = ?", [(op.id,) for op in dropped])

    def forget(self, reversed_: Iterable[Operation], left: Iterable[Operation] = ()) -> None:
        """Write down, in one transaction, that operations were reversed, or cannot be and are left as they are."""
        with self._transaction():
            for op in reversed_:
                self._db.execute("DELETE FROM operation WHERE id = ?", (op.id,))
                self._unapply(op)
            for op in left:
                self._db.execute("DELETE FROM operation WHERE id = ?", (op.id,))
                self._db.execute("DELETE FROM placement WHERE target = ?", (self._stored(op.target),))

    def hand_over(self, op: Operation) -> bool:
        """Let another run that uses a folder take it away in its turn; tell whether there is one."""
        folder = self._stored(op.target)
        row = self._db.execute(
            "SELECT run FROM operation WHERE target >= ? AND target < ?"
            " AND run <> (SELECT run FROM operation WHERE id = ?) ORDER BY id DESC LIMIT 1",
            (folder + b"/", folder + b"0", op.id),  # all that begins with the folder and a slash
        ).fetchone()
        if row is not None:
            self._db.execute("UPDATE operation SET run = ? WHERE id = ?", (row[0], op.id))
        return row is not None

    def begin_pass(self, run: str, number: int) -> None:
        """Note, the first time, where a pass of a run begins in the log."""
        key = _pass_key(run, number)
        if self.meta(key) is None:
            self.note(key, self._db.execute("SELECT ifnull(max(id), 0) FROM operation").fetchone()[0])

    def done_in_pass(self, run: str, number: int) -> list[tuple[Action, bool, int]]:
        """What a pass has done so far: an action, whether of members of archive files, and how often."""
        rows = self._db.execute(
            "SELECT action, member <> x'', count(*) FROM operation WHERE run = ? AND id > ? AND done = 1 GROUP BY 1, 2",
            (run, self.meta(_pass_key(run, number)) or 0),
        )
        return [(Action(action), bool(member), count) for action, member, count in rows]

    def open_operations(self) -> list[Operation]:
        """What was planned and not settled: the process that planned it died. In order."""
        return [self._operation(row) for row in self._db.execute(f"{_SELECT} WHERE done = 0 ORDER BY id")]

    def newest_operations(self, run: str, limit: int) -> list[Operation]:
        """The last operations of a run, the newest first."""
        rows = self._db.execute(f"{_SELECT} WHERE run = ? ORDER BY id DESC LIMIT ?", (run, limit))
        return [self._operation(row) for row in rows]

    def later_run(self, run: str) -> str | None:
        """A run that changed something which `run` had placed before it, or None."""
        row = self._db.execute(
            "SELECT later.run FROM operation AS mine JOIN operation AS later"
            " ON later.path = mine.path AND later.member = mine.member AND later.id > mine.id AND later.run <> mine.run"
            " WHERE mine.run = ? AND later.action <> 'folder' LIMIT 1",
            (run,),
        ).fetchone()
        return None if row is None else str(row[0])

    def runs(self) -> list[str]:
        """The runs with operations that still stand, the newest last."""
        rows = self._db.execute("SELECT run FROM operation GROUP BY run ORDER BY max(id)")
        return [str(run) for (run,) in rows]

    def folder_times(self, run: str) -> Iterator[tuple[bytes, int]]:
        """The folders that moves of this run changed, with their times before, the deepest first."""
        rows = self._db.execute(
            "SELECT path, mtime_ns FROM folder_time WHERE run = ? ORDER BY length(path) DESC", (run,)
        ).fetchall()
        yield from ((self._here(path), mtime_ns) for path, mtime_ns in rows)

    def end_run(self, run: str) -> bool:
        """Forget a run that was undone; tell whether the journal is empty now."""
        with self._transaction():
            self._db.execute("DELETE FROM folder_time WHERE run = ?", (run,))
            self._db.execute("DELETE FROM meta WHERE substr(key, 1, ?) = ?", (len(key := _pass_key(run)), key))
        return self._db.execute("SELECT 1 FROM operation LIMIT 1").fetchone() is None

    def _apply(self, op: Operation) -> None:
        """Bring `placement` to the state after an operation."""
        target = self._stored(op.target)
        if op.action is Action.RENAME:
            self._shift_placement(self._stored(op.source), target)
        elif op.action is Action.REMOVE:
            self._db.execute("DELETE FROM placement WHERE target = ?", (target,))
        elif op.action is not Action.FOLDER:
            self._set_placement(op, op.action)

    def _unapply(self, op: Operation) -> None:
        """Bring `placement` to the state before an operation."""
        target = self._stored(op.target)
        if op.action is Action.RENAME:
            self._shift_placement(target, self._stored(op.source))
        elif op.action is Action.REMOVE:
            self._set_placement(op, op.placed)
        elif op.action is not Action.FOLDER:
            self._db.execute("DELETE FROM placement WHERE target = ?", (target,))

    def _shift_placement(self, old: bytes, new: bytes) -> None:
        self._db.execute("UPDATE OR REPLACE placement SET target = ? WHERE target = ?", (new, old))

    def _set_placement(self, op: Operation, action: Action | None) -> None:
        row = (self._stored(op.target), self._stored(op.image.path), op.image.member, action, op.digest)
        self._db.execute("INSERT OR REPLACE INTO placement VALUES (?, ?, ?, ?, ?)", row)

    def _stored(self, path: bytes) -> bytes:
        return self.roots.stored_bytes(path)

    def _here(self, stored: bytes) -> bytes:
        return self.roots.place_bytes(stored)

    def _operation(self, row: tuple[int, str, bytes, bytes, bytes, bytes, bytes, str]) -> Operation:
        id_, action, path, member, source, target, digest, placed = row
        image = Image(self._here(path), member)
        was = Action(placed) if placed else None
        return Operation(Action(action), image, self._here(source), self._here(target), digest, was, id_)


def _pass_key(run: str, number: int | str = "") -> str:
    return f"pass {run} {number}"


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


_SELECT = "SELECT id, action, path, member, source, target, digest, placed FROM operation"
