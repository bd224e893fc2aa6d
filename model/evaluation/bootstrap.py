"""Confidence intervals by a bootstrap over characters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.evaluation.pairs import Pairs
from model.evaluation.rates import equal_error, weighted_rates

__all__ = ["Interval", "bootstrap_eer"]

Interval = tuple[float, float]


def bootstrap_eer(
    pairs: Pairs, labels: NDArray[np.int64], *, draws: int = 200, seed: int = 0, share: float = 0.95
) -> Interval:
    """Confidence interval of the equal error rate over the choice of characters.

    Characters are resampled, because pictures of one character are not independent. The weight of an impostor pair is
    the product of the counts of its two characters; that of a genuine pair is the count of its character.

    Args:
        pairs: The measured pairs.
        labels: `(n,)` int64, the character of each row in the pairs.
        draws: Number of resamples.
        seed: Any number.
        share: Share of the resamples inside the interval.
    """
    rng = np.random.default_rng(seed)
    characters, codes = np.unique(labels, return_inverse=True)
    first, second = codes[pairs.first], codes[pairs.second]
    order = np.argsort(pairs.distances, kind="stable")
    first, second, same, distances = first[order], second[order], pairs.same[order], pairs.distances[order]
    rates = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, len(characters), len(characters)), minlength=len(characters))
        weights = np.where(same, times[first], times[first] * times[second])
        if weights[same].any() and weights[~same].any():
            rates.append(equal_error(weighted_rates(distances, same, weights)).rate)
    tail = 100 * (1 - share) / 2
    low, high = np.percentile(rates, [tail, 100 - tail]) if rates else (0.0, 1.0)
    return float(low), float(high)
