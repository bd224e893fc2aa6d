"""The vectors that stand for characters: their references, or the centroids of these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.matching.distance import centroids, character_distances, cosine_distances
from store.match import Match

__all__ = ["ReferenceVectors"]


@dataclass(frozen=True)
class ReferenceVectors:
    """The vectors of one kind, of whole pictures or of heads, grouped by character.

    Attributes:
        vectors: `(m, dim)` float32, unit length, those of one character side by side.
        starts: `(c,)` int64, row at which each character's vectors begin; rising, the first is 0, none empty.
    """

    vectors: NDArray[np.float32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def counts(self) -> NDArray[np.int64]:
        """`(c,)` int64, how many vectors each character has."""
        return np.diff(self.starts, append=len(self.vectors))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """`(m,)` int64, the character of each vector."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def centroids(self) -> NDArray[np.float32]:
        """`(c, dim)` float32, see `distance.centroids`."""
        return centroids(self.vectors, self.starts)

    def distances(self, queries: NDArray[np.float32], match: Match) -> NDArray[np.float32]:
        """Distance of every query to every character: `(n, dim)` -> `(n, c)` float32.

        `centroid` is the distance to the unit centroid of a character's vectors; the others as `character_distances`.
        """
        if match == Match.CENTROID:
            return cosine_distances(queries, self.centroids)
        return character_distances(cosine_distances(queries, self.vectors), self.starts, match)
