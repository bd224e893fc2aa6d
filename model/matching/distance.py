"""Cosine distance between embeddings, and from a picture to a character with several references."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from store.match import Match

__all__ = ["centroids", "character_distances", "cosine_distances"]

_TINY = np.float32(1e-12)


def cosine_distances(queries: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine distance of every query to every reference: 1 - dot product, in 0..2, smaller is closer.

    Args:
        queries: `(n, dim)` float32, unit length.
        references: `(m, dim)` float32, unit length.

    Returns:
        `(n, m)` float32.
    """
    distances = queries @ references.T
    np.subtract(1.0, distances, out=distances)
    return np.clip(distances, 0.0, 2.0, out=distances)


def centroids(references: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Mean of each character's references, of unit length; zeros where they cancel each other out.

    Args:
        references: `(m, dim)` float32, those of one character side by side.
        starts: `(c,)` int64, row at which each character's references begin; rising, the first is 0, none empty.

    Returns:
        `(c, dim)` float32.
    """
    sums = np.add.reduceat(references, starts, axis=0)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (sums / np.maximum(norms, _TINY)).astype(np.float32, copy=False)
    return unit


def character_distances(distances: NDArray[np.float32], starts: NDArray[np.int64], match: Match) -> NDArray[np.float32]:
    """Distance of every query to every character, from the distances to the characters' references.

    `max` takes the most similar reference (the smallest distance), `mean` the mean over all references, `top3` the mean
    over the three nearest (or all, if there are fewer).

    Args:
        distances: `(n, m)` float32, the references of a character in adjacent columns.
        starts: `(c,)` int64, first column of each character; strictly rising from 0.
        match: The rule; not `centroid`, which is no function of these distances.

    Returns:
        `(n, c)` float32.

    Raises:
        ValueError: The match is `centroid`.
    """
    if match == Match.CENTROID:
        raise ValueError("the distance to a centroid does not follow from the distances to the references")
    if len(starts) == distances.shape[1]:
        return distances  # one reference each: every rule gives the same
    if match == Match.MAX:
        return np.minimum.reduceat(distances, starts, axis=1)
    if match == Match.MEAN:
        counts = np.diff(np.append(starts, distances.shape[1])).astype(np.float32)
        return (np.add.reduceat(distances, starts, axis=1) / counts).astype(np.float32, copy=False)
    return np.stack([_mean_of_nearest(part, 3) for part in np.split(distances, starts[1:], axis=1)], axis=1)


def _mean_of_nearest(distances: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Mean over the k smallest of each row: `(n, m)` -> `(n,)`."""
    if distances.shape[1] > k:
        distances = np.partition(distances, k - 1, axis=1)[:, :k]
    means: NDArray[np.float32] = distances.mean(axis=1)
    return means
