"""The journal of an output folder: every file operation, written before it happens.

It is in the output itself (`OUT/.oshiwake`), so it is deleted with the output. In a folder it is a SQLite file
(`store.journal_file`), in object storage a log of small objects (`store.journal_log`).

`operation` is the log, in order, with the run of each operation; undo reads it backwards. `placement` is the resulting
state: the places of each image. What persons did in the output is beside them: `taken`, placements that they took out;
`hand_file`, pictures that they put there; `looked_at`, files whose bytes were compared. Paths below a named root are
stored by its name (`store.roots`), so other machines can read the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Self

from store.errors import OutputGone, UnknownRoot
from store.file_operation import Action, Operation
from store.journal_database import JOURNAL_FOLDER, JournalDatabase, Note
from store.journal_file import JournalFile
from store.journal_listing import HandFile, JournalListing
from store.journal_log import JournalLog, log_exists
from store.journal_queries import pass_key
from store.location import Location, choose
from store.roots import ANYWHERE, Roots

__all__ = ["JOURNAL_FOLDER", "Journal", "journal_exists"]

_NAME_PATHS = (
    "UPDATE operation SET path = stored(path), source = stored(source), target = stored(target)",
    "UPDATE OR REPLACE placement SET path = stored(path), target = stored(target)",
    "UPDATE OR REPLACE folder_time SET path = stored(path)",
    *(f"UPDATE OR REPLACE {table} SET target = stored(target)" for table in ("taken", "hand_file", "looked_at")),
)


def journal_exists(output: Location) -> bool:
    """Whether an output has a journal.

    Raises:
        OSError: The storage does not answer, or denies access.
    """
    return choose(output, lambda folder: (folder / JOURNAL_FOLDER / "journal.sqlite").exists(), log_exists)


class Journal(JournalListing):
    """The open journal. Only one process at a time holds it and places files in this output.

    Attributes:
        folder: The folder in OUT that holds it.
        roots: This machine's map of named roots.
    """

    def __init__(
        self,
        output: Location,
        roots: Roots = ANYWHERE,
        *,
        wait_s: float = 5.0,
        makes_output: bool = False,
        known: str | None = None,
    ) -> None:
        """Open the journal; wait while another process holds it.

        Args:
            output: The output folder. It and the journal are created if missing, unless `known` is given.
            roots: This machine's map of named roots.
            wait_s: How long to wait.
            makes_output: This run has created the output folder, and died before it created the journal.
            known: The expected `id` of the journal; empty for any.

        Raises:
            OutputGone: The known journal is not there.
            JournalBusy: Another process still held it after `wait_s` seconds.
            NewerSchema: A newer program wrote it.
            UnknownRoot: It has paths below named roots, and this machine has none.
            DamagedStore: What stands there is no journal.
            StoreError: The output cannot be written, or something else stands where the journal should.
        """
        may_make = known is None
        self._file: JournalDatabase = choose(
            output,
            lambda folder: JournalFile(folder, wait_s, may_make=may_make, makes_output=makes_output),
            lambda prefix: JournalLog(prefix, wait_s, may_make=may_make),
        )
        self.folder, self.roots = self._file.folder, roots
        self._db, self._transaction, self._path = self._file.db, self._file.transaction, self._file.path
        try:
            if known and known != self.id:
                raise OutputGone(f"{output} has the journal of another output")
            self._name_roots()
        except BaseException:
            self.close()
            raise

    def _name_roots(self) -> None:
        """Rewrite paths that were stored before there were named roots, once for each set of roots."""
        names, before = ",".join(self.roots.names), self.meta("roots")
        if before and not names:
            raise UnknownRoot(
                f"{self.folder.parent} was sorted with OSHIWAKE_ROOTS that map {before!s}; set them here too"
            )
        if before == names or not names:
            return
        self._db.create_function("stored", 1, self.roots.stored_bytes, deterministic=True)
        with self._transaction():
            for change in _NAME_PATHS:
                self._db.execute(change)
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('roots', ?)", (names,))

    @property
    def id(self) -> str:
        """An identifier that survives moving the output."""
        return str(self.meta("id"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the journal."""
        self._file.close()

    def remove(self) -> None:
        """Delete the journal and release it; a process that waits for it makes a new one."""
        self._file.remove()

    def check(self) -> None:
        """See `JournalDatabase.check`."""
        self._file.check()

    def note(self, key: str, value: Note) -> None:
        """Store a value durably; None deletes it."""
        with self._transaction():
            if value is None:
                self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
            else:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def plan(
        self, run: str, operations: Sequence[Operation], folder_times: Iterable[tuple[bytes, int]] = ()
    ) -> list[Operation]:
        """Store operations durably before they are done; return them with their numbers.

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
        """Store, in one transaction, which planned operations were done and which were dropped."""
        done = list(done)
        with self._transaction():
            self._db.executemany(
                "UPDATE operation SET done = 1, action = ? WHERE id = ?", [(op.action, op.id) for op in done]
            )
            for op in done:
                self._apply(op)
                if op.action is Action.ADOPT:
                    self._db.execute("DELETE FROM operation WHERE id = ?", (op.id,))
            self._db.executemany("DELETE FROM operation WHERE id = ?", [(op.id,) for op in dropped])

    def forget(self, undone: Iterable[Operation], left: Iterable[Operation] = ()) -> None:
        """Store, in one transaction, that operations were undone, or cannot be undone."""
        with self._transaction():
            for op in undone:
                self._db.execute("DELETE FROM operation WHERE id = ?", (op.id,))
                self._unapply(op)
            for op in left:
                self._db.execute("DELETE FROM operation WHERE id = ?", (op.id,))
                self._db.execute("DELETE FROM placement WHERE target = ?", (self._stored(op.target),))

    def note_hand(
        self,
        run: str,
        moves: Iterable[Operation] = (),
        taken: Iterable[bytes] = (),
        put: Iterable[HandFile] = (),
        gone: Iterable[bytes] = (),
        looked_at: Iterable[HandFile] = (),
    ) -> None:
        """Store, in one transaction, what a run found that persons did in the output.

        Args:
            run: The run.
            moves: Placed files that they moved, as HAND operations.
            taken: Placements that they took out.
            put: Pictures that they put there.
            gone: What counts no more: placements that are back, and files of theirs that are gone.
            looked_at: Placed files whose bytes were compared.
        """
        with self._transaction():
            for op in moves:
                self._db.execute(
                    "INSERT INTO operation (run, action, path, member, source, target, digest, done)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
                    (
                        *(run, Action.HAND, self._stored(op.image.path), op.image.member),
                        *(self._stored(op.source), self._stored(op.target), op.digest),
                    ),
                )
                self._apply(op)
            for path in gone:
                for table in ("taken", "hand_file"):
                    self._db.execute(f"DELETE FROM {table} WHERE target = ?", (self._stored(path),))
            self._db.executemany(
                "INSERT OR REPLACE INTO taken VALUES (?, ?)", [(self._stored(path), run) for path in taken]
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO hand_file VALUES (?, ?, ?, ?, ?)",
                [(self._stored(one.target), one.size, one.mtime_ns, one.digest, run) for one in put],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO looked_at VALUES (?, ?, ?, ?)",
                [(self._stored(one.target), one.size, one.mtime_ns, one.digest) for one in looked_at],
            )

    def hand_over(self, op: Operation) -> bool:
        """Hand a folder over to another run that uses it and whose undo will remove it; return whether there is one."""
        folder = self._stored(op.target)
        with self._transaction():
            row = self._db.execute(
                "SELECT run FROM operation WHERE target >= ? AND target < ?"
                " AND run <> (SELECT run FROM operation WHERE id = ?) ORDER BY id DESC LIMIT 1",
                (folder + b"/", folder + b"0", op.id),  # all paths below the folder
            ).fetchone()
            if row is not None:
                self._db.execute("UPDATE operation SET run = ? WHERE id = ?", (row[0], op.id))
        return row is not None

    def begin_pass(self, run: str, number: int, archive: bytes) -> None:
        """Store the first log number of a pass and the archive of its run, the first time only."""
        key = pass_key(run, number)
        if self.meta(key) is None:
            self.note(key, self._db.execute("SELECT ifnull(max(id), 0) FROM operation").fetchone()[0])
        if self.archive_of(run) is None:
            self.note(pass_key(run, "archive"), self._stored(archive))

    def end_run(self, run: str) -> bool:
        """Forget a run that was undone; return whether the journal is empty now."""
        with self._transaction():
            for table in ("folder_time", "taken", "hand_file"):
                self._db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
            self._db.execute("DELETE FROM meta WHERE substr(key, 1, ?) = ?", (len(key := pass_key(run)), key))
        return self.empty

    def _apply(self, op: Operation) -> None:
        """Update `placement` after an operation."""
        target = self._stored(op.target)
        if op.action in (Action.RENAME, Action.HAND):
            self._rename_placement(self._stored(op.source), target)
        elif op.action is Action.REMOVE:
            self._db.execute("DELETE FROM placement WHERE target = ?", (target,))
        elif op.action is Action.ADOPT:
            self._adopt(op)
        elif op.action is not Action.FOLDER:
            self._set_placement(op, op.action)

    def _unapply(self, op: Operation) -> None:
        """Update `placement` after the undo of an operation."""
        target = self._stored(op.target)
        if op.action in (Action.RENAME, Action.HAND):
            self._rename_placement(target, self._stored(op.source))
        elif op.action is Action.REMOVE:
            self._set_placement(op, op.placed)
        elif op.action is not Action.FOLDER:
            self._db.execute("DELETE FROM placement WHERE target = ?", (target,))

    def _adopt(self, op: Operation) -> None:
        """Give a placement, and all that was done for it, to the image that it shows now, with its digest."""
        target, path = self._stored(op.target), self._stored(op.image.path)
        row = self._db.execute("SELECT path, member, digest FROM placement WHERE target = ?", (target,)).fetchone()
        if row is None:
            return
        now = path, op.image.member, op.digest
        self._db.execute("UPDATE placement SET path = ?, member = ?, digest = ? WHERE target = ?", (*now, target))
        self._db.execute(
            "UPDATE operation SET source = CASE source WHEN path THEN ?1 ELSE source END,"
            " path = ?1, member = ?2, digest = ?3 WHERE path = ?4 AND member = ?5 AND digest = ?6 AND id <> ?7",
            (*now, *row, op.id),
        )

    def _rename_placement(self, old: bytes, new: bytes) -> None:
        self._db.execute("UPDATE OR REPLACE placement SET target = ? WHERE target = ?", (new, old))

    def _set_placement(self, op: Operation, action: Action | None) -> None:
        row = (self._stored(op.target), self._stored(op.image.path), op.image.member, action, op.digest)
        self._db.execute("INSERT OR REPLACE INTO placement VALUES (?, ?, ?, ?, ?)", row)
