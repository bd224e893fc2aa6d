"""From the views of a picture, the whole and the heads in it, to distances to the characters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from store.head_views import HeadViews
from store.match import Match

__all__ = ["ViewDistances", "combined", "view_distances"]

_SMALLER, _LARGER = np.float32(0.75), np.float32(0.25)
"""Weights of two distances."""


@dataclass(frozen=True)
class ViewDistances:
    """Distances of every view of `n` pictures to the characters: of each picture the whole, then its heads.

    The distance of a whole is that to the whole references. The distance of a head is three quarters of the smaller and
    a quarter of the larger of two distances: that of the head to the surest heads of the references, and that of the
    whole picture it is in. So a wrong head costs little. Where the references of a character show no head, the distance
    is that of the whole picture. (Measured against other ways: docs/decisions/0030.)

    Attributes:
        starts: `(n + 1,)` int64, rising: the views of picture i are the rows `starts[i]:starts[i + 1]`, at least one.
        distances: `(v, c)` float32.
    """

    starts: NDArray[np.int64]
    distances: NDArray[np.float32]

    @classmethod
    def of(
        cls, embeddings: NDArray[np.float32], heads: HeadViews | None, gallery: Gallery, match: Match
    ) -> ViewDistances:
        """Measure them; the arguments are those of `view_distances`."""
        wholes = gallery.whole.distances(embeddings, match)
        pictures = np.arange(len(wholes) + 1)
        if heads is None or len(heads.vectors) == 0:
            return cls(pictures, wholes)
        found = cls(pictures + heads.starts, np.repeat(wholes, 1 + np.diff(heads.starts), axis=0))
        if len(gallery.with_heads):
            to_heads = gallery.head_vectors.distances(heads.vectors, match)
            places = np.ix_(found.of_heads, gallery.with_heads)
            found.distances[places] = combined(found.distances[places], to_heads)
        return found

    @property
    def pictures(self) -> NDArray[np.int64]:
        """`(v,)` int64, the picture of each view."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @property
    def of_heads(self) -> NDArray[np.int64]:
        """The rows of the heads, rising."""
        is_head = np.ones(len(self.distances), np.bool_)
        is_head[self.starts[:-1]] = False
        return np.flatnonzero(is_head)

    @property
    def deciding(self) -> NDArray[np.bool_]:
        """`(v,)` bool, the views that may give a picture its name: its heads, or the whole where there is none."""
        found = np.ones(len(self.distances), np.bool_)
        found[self.starts[:-1]] = np.diff(self.starts) == 1
        return found


def view_distances(
    embeddings: NDArray[np.float32], heads: HeadViews | None, gallery: Gallery, match: Match
) -> NDArray[np.float32]:
    """Distance of every picture to every character: the minimum over its heads, or that of the whole without heads.

    It is what `ViewDistances` says of the deciding views, in one row a picture.

    Args:
        embeddings: `(n, dim)` float32, unit length: the whole pictures.
        heads: The heads in these pictures.
        gallery: The references.
        match: How the distances to several references become one.

    Returns:
        `(n, c)` float32.
    """
    distances = gallery.whole.distances(embeddings, match)
    if heads is None or len(heads.vectors) == 0 or len(gallery.with_heads) == 0:
        return distances
    to_heads = gallery.head_vectors.distances(heads.vectors, match)  # (h, k)
    having = np.flatnonzero(np.diff(heads.starts))  # pictures with a head
    nearest = np.minimum.reduceat(to_heads, heads.starts[having], axis=0)
    places = np.ix_(having, gallery.with_heads)
    distances[places] = combined(distances[places], nearest)
    return distances


def combined(whole: NDArray[np.float32], head: NDArray[np.float32]) -> NDArray[np.float32]:
    """One distance of two: three quarters of the smaller and a quarter of the larger."""
    found = _SMALLER * np.minimum(whole, head) + _LARGER * np.maximum(whole, head)
    return found.astype(np.float32, copy=False)
