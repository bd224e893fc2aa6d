"""Incremental scans: unchanged files are not read again, nor renamed ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow.compute as pc

from store.content_index import ContentIndex
from store.listing import CacheHit, Kind, Listed, listing_digest, sort_key
from store.part import Part
from store.shard import read_shard

__all__ = ["UnchangedFiles"]


_FIRST, _MOST = 16, 256
"""Files that are looked up in the index together: few at first, so that work starts at once."""


class UnchangedFiles:
    """A cursor through an earlier part, in step with a new scan; a file that was renamed since is found in the index.

    Both scans are sorted, so one pass over each is enough, with constant memory.
    """

    def __init__(self, part: Part | None, index: ContentIndex | None = None) -> None:
        """Begin at the first file of `part`; without a part and an index, there are no cache hits."""
        self._rows = iter(()) if part is None else _known_rows(part)
        self._current = next(self._rows, None)
        self._index = index
        self._identity = b""

    def resolve(self, files: Iterable[Listed]) -> Iterator[Listed]:
        """The files of a scan, in order, with their cache hits: by name, size and time, else by identity.

        Where a file of the same size and time has taken the name of another, its identity counts. Without an identity
        that is known, a file with the name, size and time of an earlier one is that one: copying an archive changes
        its inodes.
        """
        for batch in _batches(files):
            unsure: list[int] = []
            for at, listed in enumerate(batch):
                if listed.kind is not Kind.PENDING:
                    continue
                known = self.find(listed)
                if known is not None:
                    batch[at] = _with_hit(listed, known)
                if listed.identity and (known is None or listed.identity != self._identity):
                    unsure.append(at)
            if self._index is not None and unsure:
                found = self._index.hits([batch[at].identity for at in unsure])
                for at in unsure:
                    if (hit := found.get(batch[at].identity)) is not None:
                        batch[at] = _with_hit(batch[at], hit)
            yield from batch

    def find(self, listed: Listed) -> CacheHit | None:
        """The cache hit of a file, if its size and time are unchanged.

        Calls must follow the order of the scan.
        """
        while self._current is not None:
            path, member, size, mtime_ns, self._identity, known = self._current
            if path == listed.path and member == listed.member:
                return known if (size, mtime_ns) == (listed.size, listed.mtime_ns) else None
            if sort_key(path, member) > listed.sort_key:
                break
            self._current = next(self._rows, None)
        return None


def _batches(files: Iterable[Listed]) -> Iterator[list[Listed]]:
    """The files, some at a time; where a scan breaks off, what came before all the same."""
    batch: list[Listed] = []
    most = _FIRST
    try:
        for listed in files:
            batch.append(listed)
            if len(batch) == most:
                yield batch
                batch, most = [], min(2 * most, _MOST)
    except (Exception, KeyboardInterrupt):
        yield batch
        raise
    yield batch


def _with_hit(listed: Listed, known: CacheHit) -> Listed:
    # dataclasses.replace would take as long as all the rest of the work for a file.
    return Listed(
        listed.path,
        listed.size,
        listed.mtime_ns,
        listed.member,
        known=known,
        label=listed.label,
        identity=listed.identity,
    )


def _known_rows(part: Part) -> Iterator[tuple[bytes, bytes, int, int, bytes, CacheHit]]:
    """Path, member, size, time, identity and cache hit of the files of a part that need no reading, in scan order."""
    with_shard = set(part.shard_chunks())
    names = ("path", "member", "size", "mtime_ns", "identity", "kind", "known_part", "known_chunk", "known_row")
    for chunk in part.listed_chunks():
        listing = part.listing_table(chunk, names)
        columns = listing.to_pydict()
        *files, kinds, known_parts, known_chunks, known_rows = (columns[name] for name in names)
        to_read = any(k == Kind.PENDING and at is None for k, at in zip(kinds, known_parts, strict=True))
        lasting = _lasting(part, chunk, listing_digest(listing)) if to_read and chunk in with_shard else set()
        known_at = zip(known_parts, known_chunks, known_rows, strict=True)
        for row, (*file, kind, at) in enumerate(zip(*files, kinds, known_at, strict=True)):
            if kind != Kind.PENDING:
                continue
            if at[0] is not None:
                yield (*file, CacheHit(*at))
            elif row in lasting:
                yield (*file, CacheHit(part.name, chunk, row))


def _lasting(part: Part, chunk: int, listing: str) -> set[int]:
    """Rows of the chunk's own shard, without transient failures."""
    shard = read_shard(part.shard_path(chunk), vectors=False)
    if shard.listing not in ("", listing):
        return set()
    found = shard.table
    return set(found.filter(pc.invert(found["passing"]))["row"].to_pylist())
