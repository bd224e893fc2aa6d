"""Distances of pictures to each other, whole and by their heads: of pairs where neither is a reference of the other.

A picture with one reference has a distance (`views`). Here each of two is the other's reference in turn, and the
smaller distance counts, so that their order is nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.matching.distance import cosine_distances
from model.matching.gallery import Gallery
from model.matching.views import combined, view_distances
from store.head_views import HeadViews
from store.match import Match

__all__ = ["paired_distances", "picture_distances"]

Pictures = tuple[NDArray[np.float32], HeadViews]
"""`(n, dim)` float32, unit length, the whole pictures; and the heads in them."""


def picture_distances(pictures: Pictures, others: Pictures) -> NDArray[np.float32]:
    """Distance of each of `n` pictures to each of `m` others: `(n, m)` float32."""
    if len(pictures[1].vectors) == 0 or len(others[1].vectors) == 0:
        return cosine_distances(pictures[0], others[0])
    return np.minimum(_to_references(pictures, others), _to_references(others, pictures).T)


def paired_distances(pictures: Pictures, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
    """The same of `k` pairs of rows: `(k,)` float32."""
    embeddings, heads = pictures
    products = np.einsum("nd,nd->n", embeddings[first], embeddings[second])
    distances: NDArray[np.float32] = np.clip(1.0 - products, 0.0, 2.0).astype(np.float32, copy=False)
    nearest = np.minimum(_to_surest(heads, first, second), _to_surest(heads, second, first))
    both = np.isfinite(nearest)
    distances[both] = combined(distances[both], nearest[both])
    return distances


def _to_references(pictures: Pictures, references: Pictures) -> NDArray[np.float32]:
    """Each of the others as the only reference of a character."""
    size = len(references[0])
    gallery = Gallery(("",) * size, (False,) * size, np.arange(size), *references)
    return view_distances(*pictures, gallery, Match.MAX)


def _to_surest(heads: HeadViews, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
    """From the nearest head of the first to the surest head of the second; infinite where one of them has none."""
    surest = heads.surest()
    has = np.diff(surest.starts) > 0
    pairs = np.flatnonzero(has[first] & has[second])
    found = np.full(len(first), np.inf, np.float32)
    if len(pairs):
        asked = heads.take(first[pairs])
        partners = surest.vectors[surest.starts[:-1][np.repeat(second[pairs], np.diff(asked.starts))]]
        distances = np.clip(1.0 - np.einsum("nd,nd->n", asked.vectors, partners), 0.0, 2.0)
        found[pairs] = np.minimum.reduceat(distances, asked.starts[:-1])
    return found
