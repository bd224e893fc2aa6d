"""Incremental scans: unchanged files are not read again."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from store.listing import CacheHit, Kind, Listed, listing_digest, sort_key
from store.part import Part
from store.shard import read_shard

__all__ = ["UnchangedFiles"]


class UnchangedFiles:
    """A cursor through an earlier part, in step with a new scan.

    Both are sorted, so one pass over each is enough, with constant memory.
    """

    def __init__(self, part: Part | None) -> None:
        """Begin at the first file of `part`; without a part, there are no cache hits."""
        self._rows = iter(()) if part is None else _known_rows(part)
        self._current = next(self._rows, None)

    def find(self, listed: Listed) -> CacheHit | None:
        """The cache hit of a file, if its size and time are unchanged.

        Calls must follow the order of the scan.
        """
        while self._current is not None:
            path, member, size, mtime_ns, known = self._current
            if path == listed.path and member == listed.member:
                return known if (size, mtime_ns) == (listed.size, listed.mtime_ns) else None
            if sort_key(path, member) > listed.sort_key:
                break
            self._current = next(self._rows, None)
        return None


def _known_rows(part: Part) -> Iterator[tuple[bytes, bytes, int, int, CacheHit]]:
    """Path, member, size, time and cache hit of the files of a part that need no reading, in scan order."""
    with_shard = set(part.shard_chunks())
    names = ("path", "member", "size", "mtime_ns", "kind", "known_part", "known_chunk", "known_row")
    for chunk in part.listed_chunks():
        listing = part.listing_table(chunk, names)
        columns = listing.to_pydict()
        *files, kinds, known_parts, known_chunks, known_rows = (columns[name] for name in names)
        to_read = any(k == Kind.PENDING and at is None for k, at in zip(kinds, known_parts, strict=True))
        lasting = _lasting(part, chunk, listing_digest(listing)) if to_read and chunk in with_shard else set()
        known_at = zip(known_parts, known_chunks, known_rows, strict=True)
        for row, (path, member, size, mtime_ns, kind, at) in enumerate(zip(*files, kinds, known_at, strict=True)):
            if kind != Kind.PENDING:
                continue
            if at[0] is not None:
                yield path, member, size, mtime_ns, CacheHit(*at)
            elif row in lasting:
                yield path, member, size, mtime_ns, CacheHit(part.name, chunk, row)


def _lasting(part: Part, chunk: int, listing: str) -> set[int]:
    """Rows of the chunk's own shard, without transient failures."""
    shard = read_shard(part.shard_path(chunk), vectors=False)
    if shard.listing not in ("", listing):
        return set()
    found = shard.table
    return set(found.filter(pc.invert(found["passing"]))["row"].to_pylist())
