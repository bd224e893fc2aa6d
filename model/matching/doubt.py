"""References that look wrong: outliers beyond reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.matching.gallery import Gallery
from model.matching.leave_one_out import LeftOut
from model.matching.views import view_distances
from store.match import Match

__all__ = ["Doubt", "doubtful"]

_BEYOND = 0.33
"""By how many standard deviations: about one clean reference in twenty is doubted, and four planted ones in five
(`benchmarks/strangers.py --doubts`, docs/decisions/0030)."""


@dataclass(frozen=True)
class Doubt:
    """A reference that looks wrong.

    Attributes:
        row: Its row in the gallery.
        reason: Why.
    """

    row: int
    reason: str


def doubtful(gallery: Gallery, left_out: LeftOut, match: Match) -> list[Doubt]:
    """References that are farther from their own character than chance explains.

    A right reference is nearer to its own character than to all others; a wrong one is as far from it as from any
    other, and nearer to somebody. So a reference is doubted when it is farther from its own than the middle between the
    nearest other character and the mean of all others, by a part of the standard deviation of all distances between
    references and characters that are not their own.

    A character's only reference is never doubted: there is nothing to judge it by.

    Args:
        gallery: The references, whitened.
        left_out: What `leave_one_out` found of them.
        match: How the distances to several references become one.
    """
    if len(gallery) < 2:
        return []
    distances = view_distances(gallery.embeddings, gallery.heads, gallery, match)
    others = np.ones(distances.shape, np.bool_)
    others[np.arange(len(distances)), gallery.labels] = False
    spread = float(distances[others].std())
    mean = np.where(others, distances, 0).sum(axis=1) / (len(gallery) - 1)
    judged = np.isfinite(left_out.own)
    beyond = np.where(judged, left_out.own, 0.0) - (left_out.other + mean) / 2
    return [
        Doubt(
            int(row),
            f"nearer to {gallery.names[left_out.nearest_other[row]]} ({left_out.other[row]:.2f})"
            f" than to its own ({left_out.own[row]:.2f})",
        )
        for row in np.flatnonzero(judged & (beyond > _BEYOND * spread))
    ]
