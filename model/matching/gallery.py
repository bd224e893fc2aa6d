"""The references that pictures are compared with, grouped by character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.matching.reference_vectors import ReferenceVectors
from model.matching.whitening import Whitening
from store.head_views import HeadViews

__all__ = ["Gallery", "Group"]

Group = tuple[str, bool, NDArray[np.float32]]
"""A name, whether it is negative, and `(k, dim)` embeddings."""


@dataclass(frozen=True)
class Gallery:
    """The reference embeddings, grouped by character.

    Attributes:
        names: `c` character names, each once.
        negative: `c` flags: the name stands for what the collector does not want.
        starts: `(c,)` int64, row at which each character's references begin.
        embeddings: `(m, dim)` float32, unit length: the whole pictures.
        heads: The heads in these `m` pictures.
    """

    names: tuple[str, ...]
    negative: tuple[bool, ...]
    starts: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    heads: HeadViews = field(default_factory=lambda: HeadViews.none(0))

    def __post_init__(self) -> None:
        if len(self.heads) != len(self.embeddings):
            object.__setattr__(self, "heads", HeadViews.none(len(self.embeddings), self.embeddings.shape[1]))

    @classmethod
    def build(cls, groups: Sequence[Group], heads: Sequence[HeadViews] = ()) -> Gallery:
        """Make a gallery of `(name, negative, (k, dim) embeddings)` groups, each with at least one row.

        Args:
            groups: The characters.
            heads: The heads of each group's pictures; by default there are none.

        Raises:
            ValueError: There is no group, or a group is empty.
        """
        if not groups or any(len(rows) == 0 for _, _, rows in groups):
            raise ValueError("every character of a gallery needs at least one reference")
        names, negative, rows = zip(*groups, strict=True)
        counts = [len(part) for part in rows]
        starts = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
        embeddings = np.concatenate(rows).astype(np.float32, copy=False)
        found = HeadViews.joined(heads) if heads else HeadViews.none(len(embeddings), embeddings.shape[1])
        return cls(names, negative, starts, embeddings, found)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def counts(self) -> NDArray[np.int64]:
        """`(c,)` int64, how many references each character has."""
        return np.diff(self.starts, append=len(self.embeddings))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """`(m,)` int64, the character of each reference, as a place in `names`."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def whole(self) -> ReferenceVectors:
        """The vectors of the whole pictures, of every character."""
        return ReferenceVectors(self.embeddings, self.starts)

    @cached_property
    def surest_heads(self) -> HeadViews:
        """The head of each reference that the detector is surest of: others are often somebody else's, or no head."""
        return self.heads.surest()

    @cached_property
    def with_heads(self) -> NDArray[np.int64]:
        """`(k,)` int64, the characters whose references show a head."""
        return np.flatnonzero(self._head_counts)

    @cached_property
    def head_vectors(self) -> ReferenceVectors:
        """The vectors of the surest heads, of the `k` characters `with_heads`."""
        counts = self._head_counts[self.with_heads]
        return ReferenceVectors(self.surest_heads.vectors, (np.cumsum(counts) - counts).astype(np.int64))

    @cached_property
    def _head_counts(self) -> NDArray[np.int64]:
        return np.add.reduceat(np.diff(self.surest_heads.starts), self.starts)

    def positives(self) -> Gallery:
        """The same without the negatives; it may be empty."""
        if not any(self.negative):
            return self
        return self.only(np.flatnonzero(~np.array(self.negative)).tolist())

    def only(self, places: Sequence[int]) -> Gallery:
        """The same with some characters alone, in the order asked for."""
        ends = np.append(self.starts, len(self.embeddings))
        rows = [np.arange(ends[at], ends[at + 1]) for at in places]
        every = np.concatenate([np.empty(0, np.int64), *rows])
        counts = self.counts[list(places)]
        return Gallery(
            tuple(self.names[at] for at in places),
            tuple(self.negative[at] for at in places),
            (np.cumsum(counts) - counts).astype(np.int64),
            self.embeddings[every],
            self.heads.take(every),
        )

    def whitened(self, whitening: Whitening) -> Gallery:
        """The same without what the vectors have in common."""
        embeddings, heads = whitening.applied(self.embeddings, self.heads)
        return replace(self, embeddings=embeddings, heads=heads)
