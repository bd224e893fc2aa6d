"""The chance that a given name is right, from its distance, the gap to the next character and the pass.

Platt's calibration ("Probabilistic Outputs for Support Vector Machines", 1999) of three features: distance and gap,
each divided by the distance of the nearest 10 % of strangers: a distance alone means something else in every archive;
and the share of the pictures of known characters beyond that distance, which says how hard the archive is. Intercept
and slopes are fitted on drawn characters that the network has not seen, and travel with the weights.

A chance depends on how many strangers there are: three pictures in four are taken to show a character that has
references.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOWN", "PARAMETERS", "chances", "features", "fit", "for_pass"]

KNOWN = 0.75
"""Share of the pictures that show a character with references, in the archive that a chance is about."""

PARAMETERS = 4
"""Intercept, and slopes of distance, gap and missed share."""

_UNTOLD_GAP, _UNTOLD_MISSED = 0.5, 0.5
"""Where there is no other character, and where no character has two references to tell the share by."""

_STEPS = 30
_RIDGE = 1e-2


def features(
    distances: NDArray[np.float32], gaps: NDArray[np.float32], scale: float, missed: float | None
) -> NDArray[np.float64]:
    """What a chance follows from: `(n, PARAMETERS)`, the first always 1.

    Args:
        distances: `(n,)` distance of each name.
        gaps: `(n,)` by how much the next character is farther; not finite where there is none.
        scale: The distance within which 10 % of strangers come, above 0.
        missed: Share of the pictures of known characters beyond it; None where it cannot be told.
    """
    given = np.where(np.isfinite(gaps), gaps / scale, _UNTOLD_GAP)
    share = np.full(len(given), _UNTOLD_MISSED if missed is None else missed)
    return np.stack([np.ones(len(given)), distances / scale, given, share], axis=1).astype(np.float64)


def for_pass(parameters: tuple[float, ...], scale: float, missed: float | None) -> list[float]:
    """Intercept, slopes of distance and gap, and the gap of names without another character, in one pass."""
    intercept, distance, gap, share = parameters
    constant = intercept + share * (_UNTOLD_MISSED if missed is None else missed)
    return [constant, distance / scale, gap / scale, _UNTOLD_GAP * scale]


def chances(distances: NDArray[np.float32], gaps: NDArray[np.float32], of_pass: list[float]) -> NDArray[np.float32]:
    """The chance that each name is right, 0..1: `(n,)` float32; `of_pass` is what `for_pass` gives."""
    constant, distance, gap, untold = of_pass
    given = np.where(np.isfinite(gaps), gaps, untold)
    found: NDArray[np.float32] = _sigmoid(constant + distance * distances + gap * given).astype(np.float32)
    return found


def fit(features: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[float, ...]:
    """Intercept and slopes that make a set of names most likely, by Newton's steps with a small ridge.

    Args:
        features: `(n, p)` as of `features`.
        right: `(n,)` whether each name is right.
        weights: `(n,)` how much each counts.
    """
    weights = weights * len(weights) / weights.sum()
    found = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        expected = _sigmoid(features @ found)
        curvature = weights * expected * (1 - expected)
        hessian = features.T @ (curvature[:, None] * features) + _RIDGE * np.eye(len(found))
        found += np.linalg.solve(hessian, features.T @ (weights * (right - expected)) - _RIDGE * found)
    return tuple(found.tolist())


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))))
