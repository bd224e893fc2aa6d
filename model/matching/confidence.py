"""The chance that a given name is right, from how many strangers would come as near.

Platt's calibration ("Probabilistic Outputs for Support Vector Machines", 1999) of one feature, the logarithm of the
share of strangers that come as near: a share means the same in every archive, a distance does not. Intercept and slope
are fitted on drawn characters that the network has not seen, and travel with the weights.

A chance depends on how many strangers there are: three pictures in four are taken to show a character that has
references.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOWN", "chances", "fit"]

KNOWN = 0.75
"""Share of the pictures that show a character with references, in the archive that a chance is about."""

_STEPS = 30
_RIDGE = 1e-3


def chances(shares: NDArray[np.float64], parameters: tuple[float, float]) -> NDArray[np.float32]:
    """The chance that each name is right, 0..1.

    Args:
        shares: `(n,)` in 0..1, above 0: the share of strangers that come as near as each picture.
        parameters: Intercept and slope.

    Returns:
        `(n,)` float32.
    """
    found: NDArray[np.float32] = _sigmoid(parameters[0] + parameters[1] * np.log(shares)).astype(np.float32)
    return found


def fit(shares: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Intercept and slope that make a set of names most likely, by Newton's steps with a small ridge.

    Args:
        shares: `(n,)` as of `chances`.
        right: `(n,)` whether each name is right.
        weights: `(n,)` how much each counts.
    """
    features = np.stack([np.ones_like(shares), np.log(shares)], axis=1)
    weights = weights * len(weights) / weights.sum()
    found = np.zeros(2)
    for _ in range(_STEPS):
        expected = _sigmoid(features @ found)
        curvature = weights * expected * (1 - expected)
        hessian = features.T @ (curvature[:, None] * features) + _RIDGE * np.eye(2)
        found += np.linalg.solve(hessian, features.T @ (weights * (right - expected)) - _RIDGE * found)
    return float(found[0]), float(found[1])


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-values)))
