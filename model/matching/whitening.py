"""What the vectors of an archive have in common, taken off before two are compared.

The pictures of an archive have much in common that says nothing about who is in them: the hand, the medium, the way of
cropping. The common part is their mean, and the directions in which all of them vary most. The mean is taken off, and
the directions are made more alike by half of a whitening (the square root of its scaling; a whole one ruins). Distances
between what is left tell characters apart better; no label is needed (docs/decisions/0030).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.head_views import HeadViews

__all__ = ["VARIETY", "Whitening", "common_mean", "half_whitening"]

VARIETY = 4
"""Characters at which half of the mean is taken off: of few characters it is who they are, not what they share."""

_MOST_DIRECTIONS = 128
"""Directions that are kept: 256 tell no more, and 64 a little less."""

_TINY = np.float32(1e-12)


@dataclass(frozen=True)
class Whitening:
    """What is done with the vectors of whole pictures and of heads.

    Attributes:
        whole: `(dim,)` float32, the mean that is taken off the vectors of whole pictures.
        heads: `(dim,)` float32, the same of heads.
        directions: `(dim, k)` float32, by which both are multiplied then; None to leave them as they are.
    """

    whole: NDArray[np.float32]
    heads: NDArray[np.float32]
    directions: NDArray[np.float32] | None = None

    @classmethod
    def nothing(cls, dimension: int) -> Whitening:
        """All vectors stay as they are."""
        return cls(np.zeros(dimension, np.float32), np.zeros(dimension, np.float32))

    @classmethod
    def of(
        cls,
        archive: tuple[NDArray[np.float32], HeadViews],
        references: tuple[NDArray[np.float32], HeadViews],
        count: int,
    ) -> Whitening:
        """Measure it.

        Args:
            archive: Vectors of a sample of the archive, and the heads in it; may be empty.
            references: The same of the references; may be empty.
            count: How many characters the references show.
        """
        (whole, heads), (own_whole, own_heads) = archive, references
        means = cls(common_mean(whole, own_whole, count), common_mean(heads.vectors, own_heads.vectors, count))
        parts = [means.applied(*views) for views in (archive, references)]
        rows = [part for vectors, found in parts for part in (vectors, found.vectors) if len(part)]
        if not rows:
            return means
        return cls(means.whole, means.heads, half_whitening(np.concatenate(rows)))

    def applied(self, embeddings: NDArray[np.float32], heads: HeadViews) -> tuple[NDArray[np.float32], HeadViews]:
        """The vectors without what is common, of unit length again.

        Args:
            embeddings: `(n, dim)` float32, unit length.
            heads: The heads in these pictures.

        Returns:
            `(n, k)` float32, and the heads.
        """
        whole, vectors = self._applied(embeddings, self.whole), self._applied(heads.vectors, self.heads)
        return whole, HeadViews(heads.starts, vectors, heads.boxes)

    def _applied(self, vectors: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.directions is not None:
            # Heads of a part without any may not know the dimension.
            width = self.directions.shape[1]
            left = (vectors - mean) @ self.directions if len(vectors) else np.empty((0, width), np.float32)
        elif mean.any() and len(vectors):
            left = vectors - mean
        else:
            return vectors
        # einsum: no copy of the squares.
        left /= np.maximum(np.sqrt(np.einsum("ij,ij->i", left, left)), _TINY)[:, None]
        unit: NDArray[np.float32] = left
        return unit


def common_mean(archive: NDArray[np.float32], references: NDArray[np.float32], characters: int) -> NDArray[np.float32]:
    """The mean of archive and references, each with half of the weight, times `characters / (characters + VARIETY)`.

    The references count as much as the archive because an archive may show one character above all, whose own features
    would be taken off with the mean.

    Args:
        archive: `(n, dim)` float32, a sample of the archive; may be empty.
        references: `(m, dim)` float32; may be empty.
        characters: How many characters the references show.

    Returns:
        `(dim,)` float32.
    """
    means = [vectors.mean(axis=0) for vectors in (archive, references) if len(vectors)]
    if not means:
        return np.zeros(references.shape[1], np.float32)
    weight = characters / (characters + VARIETY)
    mean: NDArray[np.float32] = (weight * np.mean(means, axis=0)).astype(np.float32)
    return mean


def half_whitening(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The directions of the largest variance, each divided by the fourth root of its variance.

    To the `n` rows as many more are imagined as there are dimensions, which vary alike in all directions: few rows
    change little.

    Args:
        rows: `(n, dim)` float32, unit length, without their mean; n >= 1.

    Returns:
        `(dim, k)` float32, k = min(dim, 128).
    """
    count, dimension = rows.shape
    products = (rows.T @ rows).astype(np.float64)  # count times the covariance
    alike = np.trace(products) / count / dimension
    covariance = (products + dimension * alike * np.eye(dimension)) / (count + dimension)
    variances, directions = np.linalg.eigh(covariance)
    kept = slice(max(0, dimension - _MOST_DIRECTIONS), None)
    found: NDArray[np.float32] = (directions[:, kept] * np.maximum(variances[kept], 1e-12) ** -0.25).astype(np.float32)
    return found
