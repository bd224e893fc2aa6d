"""The within-class whitening: directions in which one character's pictures differ count less.

Two pictures of a character differ by pose, light and clothes. The covariance of these differences is measured on sorted
folders, and its inverse square root makes all directions differ alike (within-class covariance normalisation: Hatch,
Kajarekar and Stolcke, "Within-Class Covariance Normalization for SVM-based Speaker Recognition", 2006). No gradient is
needed.

An embedding has two parts, each scaled to unit length by itself: what the network has learned, and the colours. So each
part gets a matrix of its own, and the share of the colours becomes what the two matrices leave of it. Then all can be
folded into the linear layer of each part, and every engine runs the result unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledVectors", "WithinClassWhitening", "ridge_of"]

LabelledVectors = tuple[NDArray[np.float32], NDArray[np.int64]]
"""`(n, dim)` vectors of unit length and `(n,)` labels: the whole pictures, or the heads."""

_RIDGE = 2.0
"""Added to a covariance whose mean variance is 1 (docs/training.md has the measurements)."""

_TINY = 1e-12


@dataclass(frozen=True)
class WithinClassWhitening:
    """What is done with embeddings.

    Attributes:
        learned: `(d, d)` float64, symmetric; for the learned part, the first numbers of an embedding.
        colours: `(c, c)` float64, symmetric; for the colours, the last ones; c may be 0.
        share: Share of the colours in the squared length of an embedding, 0..1.
    """

    learned: NDArray[np.float64]
    colours: NDArray[np.float64]
    share: float

    @classmethod
    def fit(cls, views: Sequence[LabelledVectors], colours: int, *, ridge: float | None = None) -> WithinClassWhitening:
        """Fit it.

        With S the sum over the views of the scatter of vectors around the mean of their label, scaled to a mean
        variance of 1, a part's matrix is (S + ridge I)^(-1/2), of that part's block of S.

        Args:
            views: At least one vector in all. Labels of different views do not meet: a head is not compared with a
                whole picture.
            colours: How many of the last numbers are colours.
            ridge: Default: by `ridge_of`.
        """
        scatter = np.sum([_scatter(*view) for view in views], axis=0)
        dimension = len(scatter)
        if ridge is None:
            ridge = ridge_of(dimension, sum(_freedom(labels) for _, labels in views))
        scatter *= dimension / max(float(np.trace(scatter)), _TINY)
        cut = dimension - colours
        first, last = _inverse_root(scatter[:cut, :cut], ridge), _inverse_root(scatter[cut:, cut:], ridge)
        rows = np.concatenate([vectors for vectors, _ in views]).astype(np.float64)
        lengths = [float(np.square(part).sum()) for part in (rows[:, :cut] @ first, rows[:, cut:] @ last)]
        return cls(first, last, lengths[1] / max(sum(lengths), _TINY))

    def applied(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network with the folded matrices gives: `(n, dim)` float32 of unit length, and so is the result."""
        cut = len(self.learned)
        learned, colours = _unit(vectors[:, :cut] @ self.learned), _unit(vectors[:, cut:] @ self.colours)
        parts = [learned * np.sqrt(1 - self.share), colours * np.sqrt(self.share)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def folded(self, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The tensors of a network with the matrices in its linear layers, in the types that they had."""
        layers = {"head": self.learned} | ({"colours.axes": self.colours} if len(self.colours) else {})
        changed: dict[str, NDArray[Any]] = {}
        for name, matrix in layers.items():
            # Lengths are not kept, so the matrix may be scaled: numbers stay in the range of half precision.
            matrix = matrix * (len(matrix) / np.trace(matrix))
            for kind in ("weight", "bias"):
                old = tensors[f"{name}.{kind}"]
                changed[f"{name}.{kind}"] = (matrix @ old.astype(np.float64)).astype(old.dtype)
        if len(self.colours):
            changed["colours.share"] = np.asarray(self.share, tensors["colours.share"].dtype)
        return {**tensors, **changed}


def ridge_of(dimension: int, freedom: int) -> float:
    """The ridge for a covariance of so many dimensions, from so many degrees of freedom: the fewer, the stronger."""
    return _RIDGE * (1 + dimension / max(freedom, 1))


def _scatter(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum of the outer products of the differences to the mean of each label, `(dim, dim)`."""
    numbers = np.unique(labels, return_inverse=True)[1]
    sums = np.zeros((int(numbers.max(initial=-1)) + 1, vectors.shape[1]))
    np.add.at(sums, numbers, vectors.astype(np.float64))
    apart = vectors - (sums / np.bincount(numbers)[:, None])[numbers]
    return np.asarray(apart.T @ apart, np.float64)


def _freedom(labels: NDArray[np.int64]) -> int:
    return len(labels) - len(np.unique(labels))


def _inverse_root(covariance: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    variances, directions = np.linalg.eigh(covariance)
    return np.asarray((directions * (np.maximum(variances, 0) + ridge) ** -0.5) @ directions.T)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY))
