"""Queries to a journal: the places of images, and the operations of runs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from store.errors import DamagedStore
from store.fields import stored_path
from store.file_operation import Action, Image, Operation, Placement
from store.journal_database import Note, read_note
from store.location import Location
from store.roots import Roots

__all__ = ["SELECT_OPERATION", "JournalQueries", "Standing", "pass_key"]

SELECT_OPERATION = "SELECT id, action, path, member, source, target, digest, placed FROM operation"
"""A query whose rows `_operation` reads."""

_PAGE = 4096
"""Placements that are read together."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An image in the output.

    Attributes:
        image: The image.
        digest: sha256 of its bytes.
        target: Its place.
        run: The run that placed it, perhaps elsewhere in the output.
    """

    image: Image
    digest: bytes
    target: bytes
    run: str


class JournalQueries:
    """The queries to an open journal; subclasses set all attributes.

    Attributes:
        roots: This machine's map of named roots.
    """

    roots: Roots
    _db: sqlite3.Connection
    _path: Location

    def meta(self, key: str) -> Note:
        """A stored value, or None."""
        return read_note(self._db, key)

    def placements(self, image: Image) -> list[Placement]:
        """The places of an image, in the order of the targets."""
        rows = self._db.execute(
            "SELECT target, action, digest FROM placement WHERE path = ? AND member = ? ORDER BY target",
            (self._stored(image.path), image.member),
        )
        return [Placement(self._here(target), self._action(action), digest) for target, action, digest in rows]

    def placed_as(self, digest: bytes) -> list[tuple[Image, Placement]]:
        """The links and copies that were placed with these bytes, in the order of the targets."""
        rows = self._db.execute(
            "SELECT path, member, target, action, digest FROM placement"
            " WHERE digest = ? AND action <> 'move' ORDER BY target",
            (digest,),
        )
        return list(map(self._placed, rows))

    def placed_from(
        self, archive: bytes, wanted: Callable[[Sequence[bytes]], Iterable[bool]]
    ) -> Iterator[tuple[Image, Placement]]:
        """Links and copies of an archive's images, ordered by image; what is yielded may be changed meanwhile.

        Args:
            archive: The archive.
            wanted: Which of some digests are looked for; asked for many at once.
        """
        below = self._stored(archive).rstrip(b"/")
        last = below + b"/", b"", b""
        while rows := self._db.execute(
            "SELECT path, member, target, action, digest FROM placement"
            " WHERE (path, member, target) > (?, ?, ?) AND path < ? AND action <> 'move'"
            " ORDER BY path, member, target LIMIT ?",
            (*last, below + b"0", _PAGE),
        ).fetchall():
            yield from map(self._placed, compress(rows, wanted([row[4] for row in rows])))
            last = rows[-1][:3]

    def standing(self, besides: str) -> Iterator[Standing]:
        """Images in the output that other runs have placed, ordered by image."""
        rows = self._db.execute(
            "SELECT * FROM (SELECT path, member, digest, target, ifnull((SELECT run FROM operation"
            " WHERE operation.path = p.path AND operation.member = p.member AND operation.digest = p.digest"
            " AND action NOT IN ('rename', 'remove', 'hand') ORDER BY id LIMIT 1), '') AS placed_by"
            " FROM placement AS p) WHERE placed_by <> ? ORDER BY path, member, digest, target",
            (besides,),
        )
        for path, member, digest, target, run in rows:
            yield Standing(Image(self._here(path), member), digest, self._here(target), run)

    def anything_moved(self) -> bool:
        """Whether any original was moved to the output."""
        return self._db.execute("SELECT 1 FROM placement WHERE action = 'move' LIMIT 1").fetchone() is not None

    def moved_twin(self, image: Image, digest: bytes) -> bytes | None:
        """Where another original with the same bytes was moved to, or None."""
        row = self._db.execute(
            "SELECT target FROM placement WHERE action = 'move' AND digest = ? AND path <> ? ORDER BY target LIMIT 1",
            (digest, self._stored(image.path)),
        ).fetchone()
        return None if row is None else self._here(row[0])

    def archives(self) -> list[bytes]:
        """The archives of all runs."""
        rows = self._db.execute("SELECT DISTINCT value FROM meta WHERE key LIKE 'pass % archive'")
        return [self._here(stored) for (stored,) in rows]

    def archive_of(self, run: str) -> bytes | None:
        """The archive of a run; None for a run that is not in this journal, or of an older program."""
        stored = self.meta(pass_key(run, "archive"))
        return self._here(stored) if isinstance(stored, bytes) else None

    def has_other_runs(self, run: str) -> bool:
        """Whether another run has operations that are not undone."""
        return self._db.execute("SELECT 1 FROM operation WHERE run <> ? LIMIT 1", (run,)).fetchone() is not None

    def done_in_pass(self, run: str, number: int) -> list[tuple[Action, bool, int]]:
        """Counts of the operations of a pass by action, and by whether the image is a member of an archive file."""
        rows = self._db.execute(
            "SELECT action, member <> x'', count(*) FROM operation WHERE run = ? AND id > ? AND done = 1"
            " AND action <> 'hand' GROUP BY 1, 2",
            (run, self.meta(pass_key(run, number)) or 0),
        )
        return [(Action(action), bool(member), count) for action, member, count in rows]

    def left_in_pass(self, run: str, number: int) -> list[bytes]:
        """Folders that runs created and from which a pass removed a file, with their parents; sorted."""
        made = {row[0] for row in self._db.execute("SELECT target FROM operation WHERE action = 'folder' AND done = 1")}
        rows = self._db.execute(
            "SELECT CASE action WHEN 'rename' THEN source ELSE target END FROM operation"
            " WHERE run = ? AND id > ? AND done = 1 AND action IN ('rename', 'remove')",
            (run, self.meta(pass_key(run, number)) or 0),
        )
        left: set[bytes] = set()
        for folder in {os.path.dirname(path) for (path,) in rows}:
            while folder in made:  # the folder of a character, and that of its series
                left.add(folder)
                folder = os.path.dirname(folder)
        return sorted(map(self._here, left))

    def open_operations(self) -> list[Operation]:
        """Planned operations that a dead process has not settled, in order."""
        return [self._operation(row) for row in self._db.execute(f"{SELECT_OPERATION} WHERE done = 0 ORDER BY id")]

    def newest_operations(self, run: str, limit: int) -> list[Operation]:
        """The last operations of a run, the newest first."""
        rows = self._db.execute(f"{SELECT_OPERATION} WHERE run = ? ORDER BY id DESC LIMIT ?", (run, limit))
        return [self._operation(row) for row in rows]

    def operation_count(self, run: str) -> int:
        """How many operations of a run are not undone."""
        [(count,)] = self._db.execute("SELECT count(*) FROM operation WHERE run = ?", (run,))
        return int(count)

    def later_run(self, run: str) -> str | None:
        """A later run that changed a file which this run had placed, or None."""
        row = self._db.execute(
            "SELECT later.run FROM operation AS mine JOIN operation AS later"
            " ON later.path = mine.path AND later.member = mine.member AND later.id > mine.id AND later.run <> mine.run"
            " WHERE mine.run = ? AND later.action NOT IN ('folder', 'hand') LIMIT 1",
            (run,),
        ).fetchone()
        return None if row is None else str(row[0])

    def runs(self) -> list[str]:
        """The runs with operations that are not undone, the newest last."""
        rows = self._db.execute("SELECT run FROM operation GROUP BY run ORDER BY max(id)")
        return [str(run) for (run,) in rows]

    def folder_times(self, run: str) -> Iterator[tuple[bytes, int]]:
        """Folders that moves of this run changed, with their earlier times, the deepest first."""
        rows = self._db.execute(
            "SELECT path, mtime_ns FROM folder_time WHERE run = ? ORDER BY length(path) DESC", (run,)
        ).fetchall()
        yield from ((self._here(path), mtime_ns) for path, mtime_ns in rows)

    @property
    def anything_placed(self) -> bool:
        """Whether anything stands in the output."""
        return self._db.execute("SELECT 1 FROM placement LIMIT 1").fetchone() is not None

    @property
    def empty(self) -> bool:
        """Whether all operations are undone."""
        return self._db.execute("SELECT 1 FROM operation LIMIT 1").fetchone() is None

    def _stored(self, path: bytes) -> bytes:
        return self.roots.stored_bytes(path)

    def _here(self, stored: bytes) -> bytes:
        """The path on this machine of a stored one.

        Raises:
            DamagedStore: This program does not write such a path.
        """
        if not stored_path(stored):
            raise DamagedStore(f"{self._path}: {repr(stored)[:100]} is no path of a journal")
        return self.roots.here_bytes(stored)

    def _placed(self, row: tuple[bytes, bytes, bytes, str, bytes]) -> tuple[Image, Placement]:
        path, member, target, action, digest = row
        return Image(self._here(path), member), Placement(self._here(target), self._action(action), digest)

    def _operation(self, row: tuple[int, str, bytes, bytes, bytes, bytes, bytes, str]) -> Operation:
        id_, action, path, member, source, target, digest, placed = row
        target = self._here(target)
        if action == Action.FOLDER:
            return Operation(Action.FOLDER, Image(b""), b"", target, id=id_)
        if not (isinstance(member, bytes) and isinstance(digest, bytes)):
            raise DamagedStore(f"{self._path}: operation {id_}: a member or digest that is none")
        was = self._action(placed) if placed else None
        return Operation(
            self._action(action), Image(self._here(path), member), self._here(source), target, digest, was, id_
        )

    def _action(self, name: str) -> Action:
        try:
            return Action(name)
        except ValueError:
            raise DamagedStore(f"{self._path}: {str(name)[:100]!r} is no operation") from None


def pass_key(run: str, number: int | str = "") -> str:
    """The key of a note on a run or on one of its passes."""
    return f"pass {run} {number}"
