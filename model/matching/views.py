"""From the views of a picture, the whole and the heads in it, to one distance per character."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from store.head_views import HeadViews
from store.match import Match

__all__ = ["combined", "view_distances"]

_SMALLER, _LARGER = np.float32(0.75), np.float32(0.25)
"""Weights of two distances."""


def view_distances(
    embeddings: NDArray[np.float32], heads: HeadViews | None, gallery: Gallery, match: Match
) -> NDArray[np.float32]:
    """Distance of every picture to every character.

    There are two: that of the whole picture to the whole references, and that of the nearest of its heads to the surest
    heads of the references. Where both have a head, it is three quarters of the smaller and a quarter of the larger, so
    that a wrong head costs little; else that of the wholes. (Measured against other ways: docs/decisions/0030.)

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
