"""What is known of every file of a part: its listing joined with the shards, its own and those of earlier parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.errors import DamagedStore
from store.listing import Kind, Listed
from store.part import Part
from store.shard import Shard, read_shard
from store.store import Store

__all__ = ["ChunkOutcomes", "Outcome", "Outcomes"]

_OPEN_SHARDS = 8
"""Shards kept in memory. Unchanged files follow one another in the old shard as they do in the new scan."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file of a part and what became of it.

    Attributes:
        listed: The file.
        kind: EMBEDDED, UNREADABLE or UNSUPPORTED; PENDING when no worker has read it yet.
        digest: sha256 of its bytes, where known.
        reason: Why it has no embedding.
    """

    listed: Listed
    kind: Kind
    digest: bytes | None
    reason: str


@dataclass(frozen=True)
class ChunkOutcomes:
    """A chunk's files in scan order, and the embeddings of those that have one.

    Attributes:
        outcomes: One per listed file.
        embeddings: `(k, dim)` float32, a row for each EMBEDDED outcome, in order.
    """

    outcomes: list[Outcome]
    embeddings: NDArray[np.float32]


class Outcomes:
    """Reads outcomes chunk by chunk; memory does not grow with the number of files."""

    def __init__(self, store: Store, *, vectors: bool = True) -> None:
        self._store = store
        self._vectors = vectors
        self._shards: OrderedDict[tuple[str, int], Shard] = OrderedDict()

    def chunks(self, part: Part) -> Iterator[ChunkOutcomes]:
        """All chunks of a part, in order.

        Raises:
            DamagedStore: A shard is missing or cannot be read.
        """
        for chunk in part.listed_chunks():
            yield self.chunk(part, chunk)

    def chunk(self, part: Part, chunk: int) -> ChunkOutcomes:
        """The outcomes of one chunk."""
        outcomes: list[Outcome] = []
        vectors: list[NDArray[np.float32]] = []
        for row, listed in enumerate(part.listing(chunk)):
            if listed.kind is not Kind.PENDING:
                outcomes.append(Outcome(listed, listed.kind, None, listed.reason))
                continue
            known = listed.known
            shard = self._shard(known.part, known.chunk) if known else self._shard(part.name, chunk)
            position = shard.rows.get(known.row if known else row)
            if position is None:
                raise DamagedStore(f"{part.name} chunk {chunk}: the shard lacks row {row}")
            kind = shard.kinds[position]
            outcomes.append(Outcome(listed, kind, shard.digests[position], shard.reasons[position]))
            if kind is Kind.EMBEDDED:
                vectors.append(shard.embeddings[position])
        return ChunkOutcomes(outcomes, np.stack(vectors) if vectors else np.empty((0, 0), np.float32))

    def _shard(self, part: str, chunk: int) -> Shard:
        key = (part, chunk)
        if key in self._shards:
            self._shards.move_to_end(key)
        else:
            self._shards[key] = read_shard(self._store.part(part).shard_path(chunk), vectors=self._vectors)
            if len(self._shards) > _OPEN_SHARDS:
                self._shards.popitem(last=False)
        return self._shards[key]
