"""How sure a figure is: bootstrap over characters."""

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
    """Interval of the equal error rate when other characters of the same kind had been measured.

    Characters are drawn with repetition, because pictures of one character are not independent: each pair then weighs
    the product of how often its two characters were drawn (a genuine pair: how often its character was).

    Args:
        pairs: The measured pairs.
        labels: `(n,)` int64, character of each row that the pairs name.
        draws: How many times to draw.
        seed: Any number.
        share: Share of the draws that lie in the interval.
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
