"""The journal of an output folder: every file operation, written before it happens.

It stands in the output itself (`OUT/.oshiwake`), because it tells what is there: whoever deletes the folder deletes the
journal with it, and nothing stale remains. A folder has it in a SQLite file (`store.journal_file`), a prefix in object
storage as a log of small objects (`store.journal_log`).

Two tables. `operation` is the log, in order, with the run that did it; it is what undo reverses. `placement` is the
present state that the log adds up to: which image stands where. Paths below a named root are written down by its name
(`store.roots`), so that a machine that has the same folders in other places reads the journal too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from store.errors import DamagedStore, OutputGone
from store.fields import stored_path
from store.journal_database import JOURNAL_FOLDER, JournalDatabase
from store.journal_file import JournalFile
from store.journal_log import JournalLog, log_exists
from store.operation import Action, Image, Operation, Placement
from store.place import ObjectPath
from store.roots import ANYWHERE, Roots

__all__ = ["JOURNAL_FOLDER", "Journal", "Standing", "journal_exists"]

_SELECT = "SELECT id, action, path, member, source, target, digest, placed FROM operation"


def journal_exists(output: Path) -> bool:
    """Whether an output has a journal.

    Raises:
        OSError: The storage does not answer, or refuses us.
    """
    return (
        log_exists(output) if isinstance(output, ObjectPath) else (output / JOURNAL_FOLDER / "journal.sqlite").exists()
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """An image in the output.

    Attributes:
        image: Where it came from.
        digest: sha256 of its bytes.
        target: Where it stands.
        run: The run that has placed it, perhaps elsewhere in the output.
    """

    image: Image
    digest: bytes
    target: bytes
    run: str


class Journal:
    """The open journal; holding it means being the only process that places files in this output folder.

    Attributes:
        folder: The folder in OUT that holds it.
        roots: This machine's map of named roots.
    """

    def __init__(
        self,
        output: Path,
        roots: Roots = ANYWHERE,
        *,
        wait_s: float = 5.0,
        makes_output: bool = False,
        known: str | None = None,
    ) -> None:
        """Open the journal, and wait for another holder to finish.

        Args:
            output: The output folder; it and the journal are made when there is none, unless one is `known`.
            roots: This machine's map of named roots.
            wait_s: How long to wait.
            makes_output: The output folder is ours although it stands: its maker died before the journal was.
            known: The `id` of the journal that must be there; empty for whichever is.

        Raises:
            OutputGone: The known journal is not there.
            JournalBusy: Another process still held it after `wait_s` seconds.
            NewerSchema: A newer program wrote it.
            DamagedStore: What stands there is no journal.
            StoreError: The output cannot be written, or something else stands where the journal should.
        """
        may_make = known is None
        self._file: JournalDatabase = (
            JournalLog(output, roots, wait_s, may_make=may_make)
            if isinstance(output, ObjectPath)
            else JournalFile(output, roots, wait_s, may_make=may_make, makes_output=makes_output)
        )
        self.folder, self.roots = self._file.folder, roots
        self._db, self._transaction = self._file.db, self._file.transaction
        if known and known != self.id:
            self.close()
            raise OutputGone(f"{output} has the journal of another output")

    @property
    def id(self) -> str:
        """What tells this journal from every other, wherever its output folder is moved."""
        return str(self.meta("id"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the journal."""
        self._file.close()

    def remove(self) -> None:
        """Take the journal away and let go of it; who waits for it makes a new one."""
        self._file.remove()

    def check(self) -> None:
        """Make sure that the journal is still ours; in a folder it is, for as long as it is open.

        Raises:
            JournalBusy: Another process has taken it over.
            StoreError: The storage does not answer.
        """
        self._file.check()

    def meta(self, key: str) -> bytes | int | str | None:
        """A noted value, or None."""
        return self._file.meta(key)

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
        return [Placement(self._here(target), self._action(action), digest) for target, action, digest in rows]

    def standing(self) -> Iterator[Standing]:
        """All that stands in the output, in the order of the images."""
        rows = self._db.execute(
            "SELECT path, member, digest, target, ifnull((SELECT run FROM operation WHERE operation.path = p.path"
            " AND operation.member = p.member AND operation.digest = p.digest AND action NOT IN ('rename', 'remove')"
            " ORDER BY id LIMIT 1), '') FROM placement AS p ORDER BY path, member, digest, target"
        )
        for path, member, digest, target, run in rows:
            yield Standing(Image(self._here(path), member), digest, self._here(target), run)

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
        with self._transaction():
            row = self._db.execute(
                "SELECT run FROM operation WHERE target >= ? AND target < ?"
                " AND run <> (SELECT run FROM operation WHERE id = ?) ORDER BY id DESC LIMIT 1",
                (folder + b"/", folder + b"0", op.id),  # all that begins with the folder and a slash
            ).fetchone()
            if row is not None:
                self._db.execute("UPDATE operation SET run = ? WHERE id = ?", (row[0], op.id))
        return row is not None

    def begin_pass(self, run: str, number: int, archive: bytes) -> None:
        """Note, the first time, where a pass of a run begins in the log, and which archive the run sorts."""
        key = _pass_key(run, number)
        if self.meta(key) is None:
            self.note(key, self._db.execute("SELECT ifnull(max(id), 0) FROM operation").fetchone()[0])
        if self.archive_of(run) is None:
            self.note(_pass_key(run, "archive"), self._stored(archive))

    def archive_of(self, run: str) -> bytes | None:
        """The archive that a run sorts; None of a run that is not in this journal, or of an older program."""
        stored = self.meta(_pass_key(run, "archive"))
        return self._here(stored) if isinstance(stored, bytes) else None

    def has_other_runs(self, run: str) -> bool:
        """Whether another run has done anything that still stands."""
        return self._db.execute("SELECT 1 FROM operation WHERE run <> ? LIMIT 1", (run,)).fetchone() is not None

    def done_in_pass(self, run: str, number: int) -> list[tuple[Action, bool, int]]:
        """What a pass has done so far: an action, whether of members of archive files, and how often."""
        rows = self._db.execute(
            "SELECT action, member <> x'', count(*) FROM operation WHERE run = ? AND id > ? AND done = 1 GROUP BY 1, 2",
            (run, self.meta(_pass_key(run, number)) or 0),
        )
        return [(Action(action), bool(member), count) for action, member, count in rows]

    def left_in_pass(self, run: str, number: int) -> list[bytes]:
        """The folders made by any run that a pass has taken something out of, and those that hold them; sorted."""
        made = {row[0] for row in self._db.execute("SELECT target FROM operation WHERE action = 'folder' AND done = 1")}
        rows = self._db.execute(
            "SELECT CASE action WHEN 'rename' THEN source ELSE target END FROM operation"
            " WHERE run = ? AND id > ? AND done = 1 AND action IN ('rename', 'remove')",
            (run, self.meta(_pass_key(run, number)) or 0),
        )
        left: set[bytes] = set()
        for folder in {os.path.dirname(path) for (path,) in rows}:
            while folder in made:  # the folder of a character, and that of its series
                left.add(folder)
                folder = os.path.dirname(folder)
        return sorted(map(self._here, left))

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

    @property
    def empty(self) -> bool:
        """Whether nothing that any run has done still stands."""
        return self._db.execute("SELECT 1 FROM operation LIMIT 1").fetchone() is None

    def end_run(self, run: str) -> bool:
        """Forget a run that was undone; tell whether the journal is empty now."""
        with self._transaction():
            self._db.execute("DELETE FROM folder_time WHERE run = ?", (run,))
            self._db.execute("DELETE FROM meta WHERE substr(key, 1, ?) = ?", (len(key := _pass_key(run)), key))
        return self.empty

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
        """Where a path that was written down stands on this machine.

        Raises:
            DamagedStore: It is none that this program writes.
        """
        if not stored_path(stored):
            raise DamagedStore(f"{self._file.path}: {repr(stored)[:100]} is no path of a journal")
        return self.roots.place_bytes(stored)

    def _operation(self, row: tuple[int, str, bytes, bytes, bytes, bytes, bytes, str]) -> Operation:
        id_, action, path, member, source, target, digest, placed = row
        target = self._here(target)
        if action == Action.FOLDER:
            return Operation(Action.FOLDER, Image(b""), b"", target, id=id_)
        if not (isinstance(member, bytes) and isinstance(digest, bytes)):
            raise DamagedStore(f"{self._file.path}: operation {id_}: a member or digest that is none")
        was = self._action(placed) if placed else None
        return Operation(
            self._action(action), Image(self._here(path), member), self._here(source), target, digest, was, id_
        )

    def _action(self, name: str) -> Action:
        try:
            return Action(name)
        except ValueError:
            raise DamagedStore(f"{self._file.path}: {str(name)[:100]!r} is no operation") from None


def _pass_key(run: str, number: int | str = "") -> str:
    return f"pass {run} {number}"
