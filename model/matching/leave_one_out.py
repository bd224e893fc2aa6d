"""Each reference as a picture that is to be named: how near it comes to its own character, and to the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from model.matching.views import view_distances
from store.match import Match

__all__ = ["LeftOut", "leave_one_out"]

_AT_ONCE = 1024
"""References that are compared with every character together."""


@dataclass(frozen=True)
class LeftOut:
    """What was found of `m` references.

    Attributes:
        own: `(m,)` float32, distance to the other references of its character; infinite where there are none.
        other: `(m,)` float32, distance to the nearest other character; infinite where there is none.
        nearest_other: `(m,)` int64, that character; of no meaning where `other` is infinite.
    """

    own: NDArray[np.float32]
    other: NDArray[np.float32]
    nearest_other: NDArray[np.int64]


def leave_one_out(gallery: Gallery, match: Match) -> LeftOut:
    """Compare every reference with the gallery as it is without this reference.

    Args:
        gallery: The references; may be empty.
        match: How the distances to several references become one.
    """
    size = len(gallery.embeddings)
    found = LeftOut(np.full(size, np.inf, np.float32), np.full(size, np.inf, np.float32), np.zeros(size, np.int64))
    for start in range(0, size, _AT_ONCE):
        rows = np.arange(start, min(size, start + _AT_ONCE))
        distances = view_distances(gallery.embeddings[rows], gallery.heads.take(rows), gallery, match)
        distances[np.arange(len(rows)), gallery.labels[rows]] = np.inf
        found.nearest_other[rows] = distances.argmin(axis=1)
        found.other[rows] = distances.min(axis=1)
    for start, count in zip(gallery.starts, gallery.counts, strict=True):
        for row in range(start, start + count) if count > 1 else ():
            rest = np.setdiff1d(np.arange(start, start + count), row)
            alone = Gallery.build([("", False, gallery.embeddings[rest])], [gallery.heads.take(rest)])
            one = np.array([row])
            found.own[row] = view_distances(gallery.embeddings[one], gallery.heads.take(one), alone, match)[0, 0]
    return found
