"""What is known of every file of a part: its listing joined with the shards, its own and those of earlier parts.

Column by column, because a run may have millions of files, and an object for each would be most of what joining costs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.errors import DamagedStore
from store.listing import Kind, readable
from store.part import Part
from store.shard import Shard, read_digests, read_shard
from store.store import Store

__all__ = ["ChunkOutcomes", "Outcomes"]

_OPEN_SHARDS = 8
"""Shards kept in memory. Unchanged files follow one another in the old shard as they do in the new scan."""


@dataclass(frozen=True)
class ChunkOutcomes:
    """A chunk's files in scan order, and the embeddings of those that have one.

    Attributes:
        paths: `n` paths below the root of the part.
        members: `n` names inside an archive file, empty for plain files.
        labels: `n` characters, in a part of references.
        kinds: `n` outcomes: EMBEDDED, UNREADABLE or UNSUPPORTED.
        digests: `n` sha256 values of the files' bytes, None where they could not be read.
        reasons: `n` reasons why there is no embedding.
        embeddings: `(k, dim)` float32, a row for each EMBEDDED outcome, in order.
    """

    paths: list[bytes]
    members: list[bytes]
    labels: list[str]
    kinds: list[Kind]
    digests: list[bytes | None]
    reasons: list[str]
    embeddings: NDArray[np.float32]

    @property
    def names(self) -> list[str]:
        """The files for a person to read, see `Listed.name`."""
        return [readable(path, member) for path, member in zip(self.paths, self.members, strict=True)]

    @property
    def embedded(self) -> list[int]:
        """The indices of the files that have an embedding."""
        return [row for row, kind in enumerate(self.kinds) if kind is Kind.EMBEDDED]


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
        paths, members, labels, *found = part.listing_columns(
            chunk, ["path", "member", "label", "kind", "reason", "known_part", "known_chunk", "known_row"]
        )
        if _all_new(found[0], found[2]):
            shard = self._shard(part.name, chunk)
            if list(shard.rows) == list(range(len(paths))):  # nearly always: row for row the same
                embedded = [row for row, kind in enumerate(shard.kinds) if kind is Kind.EMBEDDED]
                embeddings = shard.embeddings if len(embedded) == len(paths) else shard.embeddings[embedded]
                return ChunkOutcomes(paths, members, labels, shard.kinds, shard.digests, shard.reasons, embeddings)
        kinds: list[Kind] = []
        digests: list[bytes | None] = []
        reasons: list[str] = []
        vectors: list[NDArray[np.float32]] = []
        for row, (kind, reason, known_part, known_chunk, known_row) in enumerate(zip(*found, strict=True)):
            if kind != Kind.PENDING:
                kinds.append(Kind(kind))
                digests.append(None)
                reasons.append(reason)
                continue
            if known_part is None:
                known_part, known_chunk, known_row = part.name, chunk, row
            shard = self._shard(known_part, known_chunk)
            position = shard.rows.get(known_row)
            if position is None:
                raise DamagedStore(f"{part.name} chunk {chunk}: the shard lacks row {row}")
            kinds.append(shard.kinds[position])
            digests.append(shard.digests[position])
            reasons.append(shard.reasons[position])
            if kinds[-1] is Kind.EMBEDDED:
                vectors.append(shard.embeddings[position])
        embeddings = np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
        return ChunkOutcomes(paths, members, labels, kinds, digests, reasons, embeddings)

    def digests(self, part: Part, chunk: int) -> list[bytes]:
        """The digests of a chunk's embedded files, in order."""
        if not _all_new(*part.listing_columns(chunk, ["kind", "known_part"])):
            whole = self.chunk(part, chunk)
            return [d for d, kind in zip(whole.digests, whole.kinds, strict=True) if d and kind is Kind.EMBEDDED]
        # Nearly always in a first run: the shard says it all, in the same order.
        return read_digests(self._store.part(part.name).shard_path(chunk))

    def _shard(self, part: str, chunk: int) -> Shard:
        key = (part, chunk)
        if key in self._shards:
            self._shards.move_to_end(key)
        else:
            self._shards[key] = read_shard(self._store.part(part).shard_path(chunk), vectors=self._vectors)
            if len(self._shards) > _OPEN_SHARDS:
                self._shards.popitem(last=False)
        return self._shards[key]


def _all_new(kinds: list[str], known_parts: list[str | None]) -> bool:
    """Whether every file of a listing was to be read, as in a first run."""
    return bool(kinds) and not any(known_parts) and kinds.count(Kind.PENDING) == len(kinds)
