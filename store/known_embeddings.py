"""Embeddings that another run of the store has computed for the same bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from store.content_index import KEY_BYTES, ContentIndex
from store.errors import DamagedStore
from store.listing import CacheHit, Kind
from store.shard import Read, Shard, read_shard
from store.store import Store

__all__ = ["KnownEmbeddings"]

_OPEN_SHARDS = 8
"""Number of cached shards. Renamed files mostly have the order of the old shards."""


class KnownEmbeddings:
    """Finds embeddings by the digest of a file. Threads may share it."""

    def __init__(self, store: Store, embedding_key: str) -> None:
        self._store = store
        self._index = ContentIndex(store, embedding_key)
        self._key = embedding_key
        self._shards: OrderedDict[tuple[str, int], Shard] = OrderedDict()
        self._lock = threading.Lock()

    def newest(self) -> KnownEmbeddings:
        """The same, or what an update of the index has put in its place."""
        if self._index.is_newest:
            return self
        self._index.close()
        return KnownEmbeddings(self._store, self._key)

    def find(self, digest: bytes, row: int) -> Read | None:
        """The outcome of an embedded file with this sha256, as of the given row; None where none is known."""
        at = self._index.find([digest[:KEY_BYTES]]).get(digest[:KEY_BYTES])
        if at is None:
            return None
        try:
            shard = self._shard(at)
        except DamagedStore:  # or forgotten
            return None
        place = pc.index(shard.table["row"], pa.scalar(at.row, pa.int32())).as_py()
        if place < 0:
            return None
        found = shard.table.slice(place, 1).to_pylist()[0]
        if found["kind"] != Kind.EMBEDDED or found["digest"] != digest:
            return None
        start, end = shard.heads.starts[place : place + 2].tolist()
        read = Read(row, Kind.EMBEDDED, digest, shard.embeddings[place], found["reason"], copied=True)
        if start == end:
            return read
        return replace(read, heads=shard.heads.vectors[start:end], boxes=shard.heads.boxes[start:end])

    def _shard(self, at: CacheHit) -> Shard:
        key = at.part, at.chunk
        with self._lock:
            shard = self._shards.pop(key, None)
            if shard is None:
                shard = read_shard(self._store.part(at.part).shard_path(at.chunk))
            self._shards[key] = shard  # the newest at the end
            if len(self._shards) > _OPEN_SHARDS:
                self._shards.popitem(last=False)
        return shard
