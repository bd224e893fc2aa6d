"""What is known of every file of a part: its listing joined with the shards, its own and those of earlier parts.

Column by column, in Arrow's memory: a run may have millions of files, and an object for each would be most of what
joining costs.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from store.columns import readable_column
from store.errors import DamagedStore
from store.head_views import HeadViews
from store.listing import Kind, listing_digest
from store.part import Part
from store.shard import DIGEST_BYTES, Shard, check_listing, digest_rows, read_digests, read_shard
from store.store import Store

__all__ = ["ChunkOutcomes", "Outcomes"]

_OPEN_SHARDS = 8
"""Shards kept in memory. Unchanged files follow one another in the old shard as they do in the new scan."""

_FOUND = ["kind", "digest", "reason"]


@dataclass(frozen=True)
class ChunkOutcomes:
    """A chunk's files in scan order, and the embeddings of those that have one.

    Attributes:
        table: `n` rows: `path` below the root of the part and `member` (name inside an archive file, empty for a plain
            file) as bytes, `label` (character, in a part of references), `kind` (EMBEDDED, UNREADABLE or UNSUPPORTED),
            `digest` (sha256 of the file's bytes, null where it could not be read) and `reason` (why there is no
            embedding).
        embeddings: `(k, dim)` float32, a row for each EMBEDDED outcome, in order: the whole pictures.
        heads: The heads in these `k` pictures.
    """

    table: pa.Table
    embeddings: NDArray[np.float32]
    heads: HeadViews

    @classmethod
    def joined(cls, chunks: Sequence[ChunkOutcomes]) -> ChunkOutcomes:
        """The files of several chunks, one after the other, without their embeddings: `(k, 0)`."""
        table = pa.concat_tables(chunk.table for chunk in chunks).combine_chunks()
        pictures = sum(len(chunk.embeddings) for chunk in chunks)
        return cls(table, np.empty((pictures, 0), np.float32), HeadViews.none(pictures))

    @cached_property
    def names(self) -> pa.Array | pa.ChunkedArray:
        """The files for a person to read, see `Listed.name`."""
        paths, members = readable_column(self.table["path"]), self.table["member"]
        inside = pc.greater(pc.binary_length(members), 0)
        if pc.any(inside).as_py():
            paths = pc.if_else(inside, pc.binary_join_element_wise(paths, readable_column(members), "!/"), paths)
        return paths

    @cached_property
    def embedded(self) -> NDArray[np.int64]:
        """The indices of the files that have an embedding, rising."""
        return np.flatnonzero(pc.equal(self.table["kind"], Kind.EMBEDDED.value).to_numpy())

    @property
    def digests(self) -> NDArray[np.uint8]:
        """The digests of the files that have an embedding, in order: `(k, 32)` uint8."""
        return digest_rows(self.table["digest"])[self.embedded]


class Outcomes:
    """Reads outcomes chunk by chunk; memory does not grow with the number of files. Threads may share it."""

    def __init__(self, store: Store, *, vectors: bool = True) -> None:
        self._store = store
        self._vectors = vectors
        self._shards: OrderedDict[tuple[str, int], Shard] = OrderedDict()
        self._lock = threading.Lock()

    def chunks(self, part: Part) -> Iterator[ChunkOutcomes]:
        """All chunks of a part, in order.

        Raises:
            StaleShard: A shard was made from another listing.
            DamagedStore: A shard is missing or cannot be read.
        """
        for chunk in part.listed_chunks():
            yield self.chunk(part, chunk)

    def chunk(self, part: Part, chunk: int) -> ChunkOutcomes:
        """The outcomes of one chunk."""
        columns = ["path", "member", "label", "kind", "reason", "known_part", "known_chunk", "known_row"]
        listing = part.listing_table(chunk, columns)
        found = self._found(part.name, chunk, listing)
        table = listing.select(["path", "member", "label"])
        for name in _FOUND:
            table = table.append_column(name, found.table[name])
        embedded = pc.equal(table["kind"], Kind.EMBEDDED.value).to_numpy()
        if embedded.all():
            return ChunkOutcomes(table, found.embeddings, found.heads)
        return ChunkOutcomes(table, found.embeddings[embedded], found.heads.take(np.flatnonzero(embedded)))

    def digests(self, part: Part, chunk: int) -> NDArray[np.uint8]:
        """The digests of a chunk's embedded files, in order: `(k, 32)` uint8."""
        listing = part.listing_table(chunk, ["kind", "known_part"])
        if not _all_new(listing):
            return self.chunk(part, chunk).digests
        # Nearly always in a first run: the shard says it all, in the same order.
        return read_digests(self._store.part(part.name).shard_path(chunk), listing_digest(listing))

    def _found(self, part: str, chunk: int, listing: pa.Table) -> Shard:
        """What was found out about each file of a listing, in its order; embeddings where there are any."""
        every = np.arange(len(listing))
        if _all_new(listing):
            shard = self._own_shard(part, chunk, listing)
            if np.array_equal(shard.table["row"].to_numpy(), every):  # nearly always: row for row the same
                return shard
        pending = pc.equal(listing["kind"], Kind.PENDING.value).to_numpy()
        parts = np.array([known or part for known in listing["known_part"].to_pylist()], object)
        chunks = pc.fill_null(listing["known_chunk"], chunk).to_numpy()
        rows = pc.coalesce(listing["known_row"], pa.array(every, pa.int32())).to_numpy()
        places, pieces, vectors, heads = [], [], [], []
        for of_part, of_chunk in dict.fromkeys(zip(parts[pending], chunks[pending], strict=True)):
            here = np.flatnonzero(pending & (parts == of_part) & (chunks == of_chunk))
            own = (of_part, of_chunk) == (part, chunk)
            shard = self._own_shard(part, chunk, listing) if own else self._shard(of_part, int(of_chunk))
            positions = pc.index_in(pa.array(rows[here]), shard.table["row"].combine_chunks())
            if positions.null_count:
                raise DamagedStore(
                    f"{part} chunk {chunk}: the shard lacks row {here[positions.to_pylist().index(None)]}"
                )
            places.append(here)
            pieces.append(shard.table.select(_FOUND).take(positions))
            found = positions.to_numpy().astype(np.int64)
            vectors.append(shard.embeddings[found])
            heads.append(shard.heads.take(found))
        places.append(every[~pending])
        pieces.append(_by_the_scan(listing.filter(pa.array(~pending))))
        vectors.append(np.zeros((len(pieces[-1]), vectors[0].shape[1] if vectors else 0), np.float32))
        heads.append(HeadViews.none(len(pieces[-1])))
        order = np.argsort(np.concatenate(places))
        table = pa.concat_tables(pieces).take(order)
        return Shard(table, np.concatenate(vectors)[order], HeadViews.joined(heads).take(order))

    def _own_shard(self, part: str, chunk: int, listing: pa.Table) -> Shard:
        """The shard of a chunk that is made from this listing of it."""
        shard = self._shard(part, chunk)
        check_listing(self._store.part(part).shard_path(chunk), shard.listing, listing_digest(listing))
        return shard

    def _shard(self, part: str, chunk: int) -> Shard:
        key = (part, chunk)
        with self._lock:
            shard = self._shards.pop(key, None)
        if shard is None:
            shard = read_shard(self._store.part(part).shard_path(chunk), vectors=self._vectors)
        with self._lock:
            self._shards[key] = shard  # at the end, where the newest are
            if len(self._shards) > _OPEN_SHARDS:
                self._shards.popitem(last=False)
        return shard


def _all_new(listing: pa.Table) -> bool:
    """Whether every file of a listing was to be read, as in a first run."""
    if len(listing) == 0 or listing["known_part"].null_count < len(listing):
        return False
    return bool(pc.all(pc.equal(listing["kind"], Kind.PENDING.value)).as_py())


def _by_the_scan(listing: pa.Table) -> pa.Table:
    """What the scan itself found out about files that nobody had to read."""
    digests = pa.nulls(len(listing), pa.binary(DIGEST_BYTES))
    return pa.table([listing["kind"], digests, listing["reason"]], _FOUND)
