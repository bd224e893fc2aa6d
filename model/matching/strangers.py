"""How near pictures of characters without references come to those that have some: what a threshold is set by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from model.matching.leave_one_out import LeftOut
from model.matching.views import view_distances
from store.head_views import HeadViews
from store.match import Match

__all__ = ["SHARES", "stranger_distances"]

SHARES = np.linspace(0.0, 1.0, 501)[1:]
"""The shares of strangers for which a distance is kept."""

_COHORT_WEIGHT = 8
"""Characters whose references weigh as much as the cohort."""

_FEWEST, _MOST = 30, 4_000_000
"""Distances of the archive by which a cohort is moved: fewer say nothing of their spread, more need only memory."""


def stranger_distances(
    gallery: Gallery,
    match: Match,
    left_out: LeftOut,
    archive: tuple[NDArray[np.float32], HeadViews],
    cohort: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """For each of `SHARES` the distance to the nearest character within which that share of strangers comes.

    Every reference is a stranger to the other characters: its distance to the nearest of these is what a stranger's
    would be. With `c` characters the quantiles of these distances count `c` times, and those of a cohort of drawn
    strangers `_COHORT_WEIGHT` times. The cohort's distances are moved and stretched so that their median and upper
    quartile are those of the archive's own: drawn pictures lie elsewhere than those of an archive, but the lower tail
    of their distances has much the same shape. (The upper half hardly holds a picture of the character itself.)

    Args:
        gallery: The references without negatives, whitened; may be empty.
        match: How the distances to several references become one.
        left_out: Its references, each compared with the others.
        archive: Vectors of a sample of the archive and the heads in them, whitened.
        cohort: `(k, dim)` float32, drawn strangers, whitened; None where there are none.

    Returns:
        `(k,)` float32, rising; empty where neither references nor cohort can tell.
    """
    parts = []
    if len(gallery) > 1:
        parts.append((len(gallery), np.quantile(left_out.other, SHARES)))
    if len(gallery) and cohort is not None:
        parts.append((_COHORT_WEIGHT, np.quantile(_moved(gallery, match, archive, cohort), SHARES)))
    if not parts:
        return np.empty(0, np.float32)
    weights, quantiles = zip(*parts, strict=True)
    return np.clip(np.average(quantiles, axis=0, weights=weights), 0.0, 2.0).astype(np.float32)


def _moved(
    gallery: Gallery, match: Match, archive: tuple[NDArray[np.float32], HeadViews], cohort: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Distance of each of the cohort to the nearest character, `(k,)`, in the place and spread of the archive's."""
    distances = view_distances(cohort, None, gallery, match)
    nearest: NDArray[np.float32] = distances.min(axis=1)
    own = _of_archive(gallery, match, *archive)
    if own.size < _FEWEST:
        return nearest
    middle, spread = _upper_half(distances)
    own_middle, own_spread = _upper_half(own)
    moved: NDArray[np.float32] = (nearest - middle) * np.float32(own_spread / max(spread, 1e-6)) + own_middle
    return moved


def _of_archive(
    gallery: Gallery, match: Match, embeddings: NDArray[np.float32], heads: HeadViews
) -> NDArray[np.float32]:
    """Distances of the archive's pictures to every character; of fewer pictures where there are many characters."""
    rows = np.arange(0, len(embeddings), max(1, len(embeddings) * len(gallery) // _MOST))
    return view_distances(embeddings[rows], heads.take(rows), gallery, match)


def _upper_half(distances: NDArray[np.float32]) -> tuple[float, float]:
    """Median, and how far above it the upper quartile lies."""
    middle, upper = np.quantile(distances, [0.5, 0.75])
    return float(middle), float(upper - middle)
