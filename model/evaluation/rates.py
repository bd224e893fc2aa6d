"""False accept and false reject rates over every threshold, and the equal error rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EvaluationError

__all__ = ["EqualError", "ErrorRates", "equal_error", "error_rates", "weighted_rates"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ErrorRates:
    """The error rates at every distinct threshold; a pair is accepted if its distance is <= the threshold.

    Attributes:
        thresholds: `(k,)` float64, rising; the first is -inf (nothing is accepted), then each distinct distance.
        far: `(k,)` float64, share of impostor pairs accepted, rising from 0 to 1.
        frr: `(k,)` float64, share of genuine pairs rejected, falling from 1 to 0.
    """

    thresholds: Floats
    far: Floats
    frr: Floats

    def threshold_at_far(self, far: float) -> float:
        """The largest threshold whose false accept rate does not exceed `far`, half way to the next distance.

        Half way, because a threshold exactly on a measured distance would depend on rounding. Below the smallest
        distance it is 0 when nothing may be accepted.
        """
        last = int(np.searchsorted(self.far, far, side="right")) - 1
        if last == 0:
            return float(max(0.0, np.nextafter(np.float32(self.thresholds[1]), np.float32(-1))))
        if last + 1 == len(self.thresholds):
            return float(self.thresholds[last])
        return float((self.thresholds[last] + self.thresholds[last + 1]) / 2)

    def frr_at_far(self, far: float) -> float:
        """The smallest false reject rate among thresholds whose false accept rate does not exceed `far`."""
        return float(self.frr[int(np.searchsorted(self.far, far, side="right")) - 1])

    def at(self, threshold: float) -> tuple[float, float]:
        """`(far, frr)` at a threshold."""
        index = int(np.searchsorted(self.thresholds, threshold, side="right")) - 1
        return float(self.far[index]), float(self.frr[index])


@dataclass(frozen=True)
class EqualError:
    """The point of equal error rates.

    Attributes:
        rate: The equal error rate, 0..1.
        threshold: Its threshold.
    """

    rate: float
    threshold: float


def error_rates(genuine: NDArray[np.floating], impostor: NDArray[np.floating]) -> ErrorRates:
    """Measure both error rates at each distinct distance; equal distances count together.

    Args:
        genuine: `(g,)` distances of pairs that show one character, finite.
        impostor: `(i,)` distances of pairs that show two.

    Raises:
        EvaluationError: One of the two is empty, or a distance is not finite.
    """
    if len(genuine) == 0 or len(impostor) == 0:
        raise EvaluationError("an error rate needs pairs of one character and pairs of two; one kind is missing")
    distances = np.concatenate([genuine, impostor]).astype(np.float64)
    if not np.isfinite(distances).all():
        raise EvaluationError("a distance is not a finite number")
    same = np.arange(len(distances)) < len(genuine)
    order = np.argsort(distances, kind="stable")
    return weighted_rates(distances[order], same[order], np.ones(len(distances), np.int64))


def weighted_rates(distances: NDArray[np.floating], same: NDArray[np.bool_], weights: NDArray[np.int64]) -> ErrorRates:
    """The error rates of weighted pairs.

    Args:
        distances: `(n,)` rising and finite.
        same: `(n,)`, whether a pair shows one character.
        weights: `(n,)`, >= 0; at least one of each kind is positive.
    """
    last = np.append(np.flatnonzero(np.diff(distances)), len(distances) - 1)  # the last of equal distances
    genuine = np.cumsum(weights * same)[last]
    impostor = np.cumsum(weights * ~same)[last]
    return ErrorRates(
        thresholds=np.append(-np.inf, distances[last].astype(np.float64)),
        far=np.append(0.0, impostor / impostor[-1]),
        frr=np.append(1.0, 1.0 - genuine / genuine[-1]),
    )


def equal_error(rates: ErrorRates) -> EqualError:
    """Find where the curve of the rates crosses FAR = FRR.

    The curve is linear between neighbouring thresholds, as in the usual computation from scikit-learn's `roc_curve`.
    This makes the rate exact if several distances are equal.
    """
    gap = rates.far - rates.frr  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = float(-gap[before] / (gap[after] - gap[before]))
    rate = rates.far[before] + share * (rates.far[after] - rates.far[before])
    low, high = rates.thresholds[before], rates.thresholds[after]
    threshold = high if np.isinf(low) else low + share * (high - low)
    return EqualError(float(rate), float(threshold))
