"""What an earlier scan of the same folder makes known: files that have not changed need not be read again."""

from __future__ import annotations

from collections.abc import Iterator

from store.listing import Kind, KnownAt, Listed, SortKey
from store.part import Part
from store.shard import read_shard

__all__ = ["KnownFiles"]


class KnownFiles:
    """A cursor through an earlier part, moved along by a scan that goes in the same order.

    Both sides are sorted, so one pass over each is enough and memory stays flat however large the archive.
    """

    def __init__(self, part: Part | None) -> None:
        """Begin at the first file of `part`; without one, nothing is known."""
        self._rows = iter(()) if part is None else _known_rows(part)
        self._current = next(self._rows, None)

    def find(self, listed: Listed) -> KnownAt | None:
        """Where the outcome of this file stands, if it has the same size and time as then.

        Must be called in the order of the scan.
        """
        key = listed.sort_key
        while self._current is not None and self._current[0] < key:
            self._current = next(self._rows, None)
        if self._current is None or self._current[0] != key:
            return None
        _, size, mtime_ns, known = self._current
        return known if (size, mtime_ns) == (listed.size, listed.mtime_ns) else None


def _known_rows(part: Part) -> Iterator[tuple[SortKey, int, int, KnownAt]]:
    """The files of a part whose outcome stands, in scan order."""
    with_shard = set(part.shard_chunks())
    for chunk in part.listed_chunks():
        rows = part.listing(chunk)
        lasting = _lasting(part, chunk, rows) if chunk in with_shard else set()
        for row, listed in enumerate(rows):
            known = listed.known or (KnownAt(part.name, chunk, row) if row in lasting else None)
            if known is not None and listed.kind is Kind.PENDING:
                yield listed.sort_key, listed.size, listed.mtime_ns, known


def _lasting(part: Part, chunk: int, rows: list[Listed]) -> set[int]:
    """Rows of the chunk's own shard, but for those whose failure may have passed by now."""
    if not any(listed.to_read for listed in rows):
        return set()
    shard = read_shard(part.shard_path(chunk), vectors=False)
    return {row for row, position in shard.rows.items() if not shard.passing[position]}
