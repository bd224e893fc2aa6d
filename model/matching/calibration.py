"""What references say about the threshold and about themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluation.pairs import all_pairs
from model.evaluation.rates import equal_error, error_rates
from model.matching.distance import cosine_distances

__all__ = ["MIN_GENUINE", "MIN_IMPOSTOR", "Calibration", "Doubt", "calibrate", "doubtful"]

MIN_GENUINE = 30
MIN_IMPOSTOR = 300
"""With fewer pairs a threshold is chance; 300 impostor pairs are three errors at FAR 1 %."""


@dataclass(frozen=True)
class Doubt:
    """A reference that looks wrong.

    Attributes:
        row: Its row.
        reason: Why.
    """

    row: int
    reason: str


@dataclass(frozen=True)
class Calibration:
    """What was measured on references.

    Attributes:
        threshold: The one to use.
        source: `references`, or `weights` where there were too few pairs.
        genuine: Genuine pairs.
        impostor: Impostor pairs.
        eer: Equal error rate, or None.
        eer_threshold: Its threshold, or None.
        far: Measured share of impostor pairs accepted at `threshold`, or None.
        frr: Measured share of genuine pairs rejected at `threshold`, or None.
        note: Why the weights' threshold was kept; empty otherwise.
    """

    threshold: float
    source: str
    genuine: int
    impostor: int
    eer: float | None
    eer_threshold: float | None
    far: float | None
    frr: float | None
    note: str = ""


def calibrate(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], *, far: float, fallback: float
) -> Calibration:
    """Find the largest threshold at which no more than `far` of the impostor pairs are accepted.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        labels: `(n,)` int64, the character of each.
        far: Wanted false accept rate, 0..1.
        fallback: The weights' threshold, kept where there are fewer than `MIN_GENUINE` genuine or `MIN_IMPOSTOR`
            impostor pairs, or fewer impostor pairs than `far` can be told from.
    """
    if len(labels) == 0:
        return Calibration(fallback, "weights", 0, 0, None, None, None, None, "there is no readable reference")
    pairs = all_pairs(embeddings, labels)
    genuine, impostor = len(pairs.genuine), len(pairs.impostor)
    needed = max(MIN_IMPOSTOR, int(np.ceil(1 / far)) if far > 0 else MIN_IMPOSTOR)
    if genuine < MIN_GENUINE or impostor < needed:
        note = f"too few pairs: {genuine} genuine of {MIN_GENUINE} and {impostor} impostor of {needed} needed"
        return Calibration(fallback, "weights", genuine, impostor, None, None, None, None, note)
    rates = error_rates(pairs.genuine, pairs.impostor)
    equal = equal_error(rates)
    threshold = min(2.0, rates.threshold_at_far(far))
    found_far, found_frr = rates.at(threshold)
    return Calibration(threshold, "references", genuine, impostor, equal.rate, equal.threshold, found_far, found_frr)


def doubtful(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str], threshold: float
) -> list[Doubt]:
    """References nearer to another character than to any of their own, or beyond the threshold from all their own.

    Characters with one reference cannot be judged by their own; they are doubtful only within the threshold of
    another's.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        labels: `(n,)` int64, places in `names`.
        names: Characters.
        threshold: Cosine distance up to which two pictures are said to show one character.
    """
    distances = cosine_distances(embeddings, embeddings)
    np.fill_diagonal(distances, np.inf)
    own = labels[:, None] == labels[None, :]
    to_own = np.where(own, distances, np.inf)
    to_others = np.where(own, np.inf, distances)
    found = []
    for row in range(len(labels)):
        nearest_own, other = float(to_own[row].min()), int(to_others[row].argmin())
        nearest_other = float(to_others[row, other])
        if nearest_other < min(nearest_own, threshold if nearest_own == np.inf else np.inf):
            found.append(Doubt(row, _nearer(names[labels[other]], nearest_other, nearest_own)))
        elif threshold < nearest_own < np.inf:
            found.append(Doubt(row, f"far from its own: {nearest_own:.3f} to the nearest"))
    return found


def _nearer(name: str, other: float, own: float) -> str:
    if own == np.inf:
        return f"its only reference, and within {other:.3f} of {name}"
    return f"nearer to {name} ({other:.3f}) than to its own ({own:.3f})"
