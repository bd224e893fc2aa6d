"""What a pass works with, measured from its references and a sample of its archive: whitening, threshold and more."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.matching.cohort import Cohort
from model.matching.confidence import chances, for_pass
from model.matching.gallery import Gallery
from model.matching.leave_one_out import LeftOut, leave_one_out
from model.matching.rule import Nearest
from model.matching.strangers import SHARES, stranger_distances
from model.matching.whitening import Whitening
from store.head_views import HeadViews
from store.match import Match
from store.pass_calibration import PassCalibration
from store.rule import DEFAULT_STRANGERS, Rule

__all__ = ["calibrate", "name_chances", "whitening_of"]


def calibrate(
    gallery: Gallery,
    rule: Rule,
    archive: tuple[NDArray[np.float32], HeadViews],
    cohort: Cohort | None,
    *,
    fallback: float,
    whitened: bool = True,
) -> PassCalibration:
    """Measure what a pass works with.

    Args:
        gallery: The references.
        rule: The rule; its threshold is kept where it has one.
        archive: Vectors of a sample of the archive, and the heads in them; may be empty.
        cohort: The drawn strangers of the weights, or None.
        fallback: The threshold of the weights, where neither references nor cohort can tell one.
        whitened: Take off what the pictures have in common.
    """
    known = gallery.positives()
    whitening = Whitening.nothing(gallery.embeddings.shape[1])
    if whitened:
        whitening = Whitening.of(archive, (known.embeddings, known.heads), len(known))
    known = known.whitened(whitening)
    left_out = leave_one_out(known, rule.match)
    strangers = stranger_distances(
        known, rule.match, left_out, whitening.applied(*archive), _whitened(cohort, whitening)
    )
    threshold, remark = rule.threshold, ""
    if threshold is None and len(strangers):
        threshold = float(np.interp(rule.strangers, SHARES, strangers, left=0.0))
    elif threshold is None:
        threshold, remark = fallback, "that of the weights: one character alone tells no threshold"
    return PassCalibration(
        threshold=threshold,
        centre=whitening.whole.tolist() if whitened else [],
        head_centre=whitening.heads.tolist() if whitened else [],
        directions=_text(whitening.directions),
        strangers=strangers.tolist(),
        strangers_named=float(np.interp(threshold, strangers, SHARES, left=0.0)) if len(strangers) else None,
        known_missed=_missed(known, left_out, rule.match, threshold),
        confidence=_confidence(known, left_out, rule.match, strangers, cohort),
        references=len(known.embeddings),
        characters=len(known),
        cohort=0 if cohort is None else len(cohort.vectors),
        remark=remark,
    )


def whitening_of(calibration: PassCalibration, dimension: int) -> Whitening:
    """What is done with the vectors of a pass.

    Raises:
        ValueError: It is for vectors of another length, or damaged.
    """
    if not calibration.centre:
        return Whitening.nothing(dimension)
    whole, heads = (np.array(mean, np.float32) for mean in (calibration.centre, calibration.head_centre))
    if (len(whole), len(heads)) != (dimension, dimension):
        raise ValueError(f"a centre of {len(whole)} and {len(heads)} numbers, not {dimension}")
    if not calibration.directions:
        return Whitening(whole, heads)
    content = base64.b64decode(calibration.directions, validate=True)
    if len(content) % (4 * dimension) or len(content) > 4 * dimension * dimension:
        raise ValueError(f"directions of {len(content)} bytes, for vectors of {dimension} numbers")
    directions = np.frombuffer(content, "<f4").reshape(dimension, -1).astype(np.float32)
    if not np.isfinite(directions).all():
        raise ValueError("a direction that is no number")
    return Whitening(whole, heads, directions)


def name_chances(near: Nearest, calibration: PassCalibration) -> NDArray[np.float32] | None:
    """The chance that the nearest name is right, of each picture: `(n,)` float32, 0..1; None where nothing tells it."""
    if len(calibration.confidence) != _OF_PASS:
        return None
    gaps = np.where(near.has_runner_up, near.runner_up_distances - near.distances, np.float32(np.inf))
    return chances(near.distances, gaps, calibration.confidence)


_OF_PASS = 4
"""Numbers of `confidence.for_pass`; a pass of an earlier version has two of another meaning."""


def _confidence(
    known: Gallery, left_out: LeftOut, match: Match, strangers: NDArray[np.float32], cohort: Cohort | None
) -> list[float]:
    """What turns distances of this pass into chances, whatever its threshold; empty where nothing tells it."""
    if cohort is None or not cohort.confidence or not len(strangers):
        return []
    scale = max(float(np.interp(DEFAULT_STRANGERS, SHARES, strangers)), 1e-3)
    return for_pass(cohort.confidence, scale, _missed(known, left_out, match, scale))


def _text(directions: NDArray[np.float32] | None) -> str:
    return "" if directions is None else base64.b64encode(directions.astype("<f4").tobytes()).decode()


def _whitened(cohort: Cohort | None, whitening: Whitening) -> NDArray[np.float32] | None:
    """The cohort without its own mean, along the directions of the archive."""
    if cohort is None:
        return None
    around = Whitening(cohort.vectors.mean(axis=0), whitening.heads, whitening.directions)
    return around.applied(cohort.vectors, HeadViews.none(len(cohort.vectors), cohort.vectors.shape[1]))[0]


@dataclass(frozen=True)
class _Likeness:
    """How alike the references of one character are.

    Attributes:
        pairs: Mean of the dot products of two of them.
        counts: `(m,)` int64, for each reference how many its character has.
    """

    pairs: float
    counts: NDArray[np.int64]


def _missed(gallery: Gallery, left_out: LeftOut, match: Match, threshold: float) -> float | None:
    """Share of the pictures of known characters beyond the threshold; None where no character has two references."""
    judged = np.isfinite(left_out.own)
    if not judged.any():
        return None
    own = left_out.own[judged]
    if match == Match.CENTROID:
        own = _to_all(own, _likeness(gallery, judged))
    return float(np.mean(own > threshold))


def _likeness(gallery: Gallery, judged: NDArray[np.bool_]) -> _Likeness:
    counts = gallery.counts[gallery.counts > 1]
    sums = np.add.reduceat(gallery.embeddings, gallery.starts, axis=0)[gallery.counts > 1]
    # A sum of k unit vectors whose dot products are p has the squared length k + k (k - 1) p.
    pairs = (np.square(sums).sum(axis=1) - counts) / (counts * (counts - 1))
    return _Likeness(float(np.clip(pairs.mean(), 0.0, 1.0)), gallery.counts[gallery.labels][judged])


def _to_all(own: NDArray[np.float32], likeness: _Likeness) -> NDArray[np.float32]:
    """Distances to the centroid of k references, from those to the centroid of the k - 1 others.

    The dot product with the centroid of k vectors whose dot products are p is p sqrt(k / (1 + (k - 1) p)) in the mean:
    a picture comes nearer to a character with one reference more.
    """
    k, p = likeness.counts, likeness.pairs
    ratio = np.sqrt(k / (k - 1) * (1 + (k - 2) * p) / (1 + (k - 1) * p))
    return np.asarray(1 - (1 - own) * ratio, np.float32)
