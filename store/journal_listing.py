"""An output as it is, compared with the journal; and what a person did there, as the journal stores it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from store.errors import DamagedStore
from store.file_operation import Action, Image, Operation
from store.journal_queries import SELECT_OPERATION, JournalQueries

__all__ = ["HandFile", "JournalListing", "Missing"]

_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Missing:
    """A placement where nothing is any more.

    Attributes:
        target: Where it was.
        image: The image.
        action: How it was placed; None for a file that a person had put there.
        digest: sha256 of its bytes.
    """

    target: bytes
    image: Image
    action: Action | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class HandFile:
    """A picture in the output that a person put there.

    Attributes:
        target: Where it is.
        size: In bytes.
        mtime_ns: Time of its last change.
        digest: sha256 of its bytes.
    """

    target: bytes
    size: int
    mtime_ns: int
    digest: bytes


class JournalListing(JournalQueries):
    """Compares a listing of the output, kept in a temporary table, with the placements."""

    def note_listing(self, found: Iterable[bytes]) -> int:
        """Take a listing of the output: absolute paths of all files; return how many these are."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS listed (target BLOB PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("DELETE FROM temp.listed")
        count = 0
        rows: list[tuple[bytes]] = []
        for path in found:
            rows.append((self._stored(path),))
            count += 1
            if len(rows) == _AT_ONCE:
                self._add_listed(rows)
                rows.clear()
        self._add_listed(rows)
        return count

    def _add_listed(self, rows: Sequence[tuple[bytes]]) -> None:
        self._db.execute("SAVEPOINT listing")  # the journal itself is not written, so this is no transaction of it
        self._db.executemany("INSERT OR IGNORE INTO temp.listed VALUES (?)", rows)
        self._db.execute("RELEASE listing")

    def placement_counts(self) -> tuple[int, int, int]:
        """How many placements there are, how many of them are missing from the listing, and not yet known to be."""
        (placed,) = self._db.execute("SELECT count(*) FROM placement").fetchone()
        (missing,) = self._db.execute(f"SELECT count(*) FROM placement AS p WHERE {_NOT_LISTED}").fetchone()
        (new,) = self._db.execute(
            f"SELECT count(*) FROM placement AS p WHERE {_NOT_LISTED} AND {_NOT_TAKEN}"
        ).fetchone()
        return placed, missing, new

    def missing(self) -> Iterator[Missing]:
        """Placements and files of a person that are not in the listing, besides those known to be taken out."""
        rows = self._db.execute(
            "SELECT target, path, member, action, digest FROM placement AS p"
            f" WHERE {_NOT_LISTED} AND {_NOT_TAKEN} ORDER BY target"
        ).fetchall()
        for target, path, member, action, digest in rows:
            yield self._missing(target, path, member, action, digest)
        rows = self._db.execute(f"SELECT target, digest FROM hand_file AS p WHERE {_NOT_LISTED} ORDER BY 1").fetchall()
        for target, digest in rows:
            yield Missing(self._here(target), Image(b""), None, self._bytes(digest))

    def unknown_files(self) -> Iterator[bytes]:
        """Files of the listing that nobody has placed, and that are not known as a person's, in order."""
        rows = self._db.execute(
            "SELECT target FROM temp.listed AS l WHERE NOT EXISTS"
            " (SELECT 1 FROM placement WHERE placement.target = l.target) ORDER BY target"
        ).fetchall()
        return (self._here(target) for (target,) in rows)

    def counts_by_folder(self) -> dict[bytes, int]:
        """How many placements of each folder are in the listing."""
        counts: dict[bytes, int] = {}
        for (target,) in self._db.execute(
            "SELECT target FROM placement AS p WHERE EXISTS (SELECT 1 FROM temp.listed AS l WHERE l.target = p.target)"
        ):
            folder = os.path.dirname(target)
            counts[folder] = counts.get(folder, 0) + 1
        return {self._here(folder): count for folder, count in counts.items()}

    def listed(self, target: bytes) -> bool:
        """Whether a path is in the listing."""
        query = "SELECT 1 FROM temp.listed WHERE target = ?"
        return self._db.execute(query, (self._stored(target),)).fetchone() is not None

    def back_again(self) -> Iterator[Missing]:
        """Placements that were taken out, and are in the listing again."""
        rows = self._db.execute(
            "SELECT p.target, p.path, p.member, p.action, p.digest FROM taken JOIN placement AS p USING (target)"
            " WHERE target IN (SELECT target FROM temp.listed) ORDER BY 1"
        ).fetchall()
        for target, path, member, action, digest in rows:
            yield self._missing(target, path, member, action, digest)

    def _missing(self, target: bytes, path: bytes, member: bytes, action: str, digest: bytes) -> Missing:
        image = Image(self._here(path), self._bytes(member))
        return Missing(self._here(target), image, self._action(action), self._bytes(digest))

    def _bytes(self, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise DamagedStore(f"{self._path}: {repr(value)[:100]} where bytes should be")
        return value

    def places_of(self, digest: bytes) -> list[bytes]:
        """Where a picture with these bytes may be: in the output, then its originals that are plain files."""
        rows = self._db.execute(
            "SELECT target, path, member FROM placement WHERE digest = ? ORDER BY target", (digest,)
        ).fetchall()
        hand = self._db.execute("SELECT target FROM hand_file WHERE digest = ? ORDER BY target", (digest,)).fetchall()
        places = [row[0] for row in rows] + [row[0] for row in hand] + [path for _, path, member in rows if not member]
        return [self._here(place) for place in dict.fromkeys(places)]

    def placed_with(self, digest: bytes) -> list[bytes]:
        """The targets of the placements of these bytes."""
        rows = self._db.execute("SELECT target FROM placement WHERE digest = ? ORDER BY target", (digest,))
        return [self._here(target) for (target,) in rows]

    def hand_file(self, target: bytes) -> HandFile | None:
        """What is known of a file that a person put in the output, or whose bytes were compared."""
        row = self._db.execute(
            "SELECT size, mtime_ns, digest FROM hand_file WHERE target = ?1"
            " UNION ALL SELECT size, mtime_ns, digest FROM looked_at WHERE target = ?1",
            (self._stored(target),),
        ).fetchone()
        if row is None:
            return None
        size, mtime_ns, digest = row
        return HandFile(target, size, mtime_ns, self._bytes(digest))

    def any_hand_file(self) -> bool:
        """Whether persons have put pictures in the output, as far as an earlier comparison found."""
        return self._db.execute("SELECT 1 FROM hand_file LIMIT 1").fetchone() is not None

    def hand_files_with(self, digest: bytes) -> list[bytes]:
        """Where a person put pictures with these bytes."""
        rows = self._db.execute("SELECT target FROM hand_file WHERE digest = ? ORDER BY target", (digest,))
        return [self._here(target) for (target,) in rows]

    def hand_moves(self) -> Iterator[Operation]:
        """HAND operations: what persons moved, in the order in which that was found out."""
        return map(self._operation, self._db.execute(f"{SELECT_OPERATION} WHERE action = 'hand' ORDER BY id"))

    def all_taken(self, targets: Sequence[bytes]) -> bool:
        """Whether persons have taken out all of these placements, as an earlier pass found."""
        return all(
            self._db.execute("SELECT 1 FROM taken WHERE target = ?", (self._stored(target),)).fetchone()
            for target in targets
        )

    def history(self, image: Image | None, target: bytes) -> list[tuple[int, str, Operation]]:
        """Operations on an image, or, for None, on what was ever at a place of the output: number, run, operation."""
        if image is None:
            stored = self._stored(target)
            row = self._db.execute(
                "SELECT path, member FROM placement WHERE target = ?1 UNION ALL"
                " SELECT path, member FROM operation WHERE target = ?1 AND action <> 'folder' LIMIT 1",
                (stored,),
            ).fetchone()
            if row is None:
                return []
            key = row
        else:
            key = (self._stored(image.path), image.member)
        rows = self._db.execute(
            "SELECT run, id, action, path, member, source, target, digest, placed FROM operation"
            " WHERE path = ? AND member = ? AND action <> 'folder' AND done = 1 ORDER BY id",
            key,
        ).fetchall()
        return [(row[1], str(row[0]), self._operation(row[1:])) for row in rows]


_NOT_LISTED = "NOT EXISTS (SELECT 1 FROM temp.listed AS l WHERE l.target = p.target)"
_NOT_TAKEN = "NOT EXISTS (SELECT 1 FROM taken WHERE taken.target = p.target)"
