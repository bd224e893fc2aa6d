"""The mean that is taken off every vector before two are compared.

The pictures of an archive have much in common that says nothing about who is in them: the hand, the medium, the way of
cropping. That common part is the mean of their vectors. Distances between what is left tell characters apart better
(docs/decisions/0030).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.head_views import HeadViews

__all__ = ["VARIETY", "Centre", "common_mean"]

VARIETY = 4
"""Characters at which half of the mean is taken off: of few characters it is who they are, not what they share."""


@dataclass(frozen=True)
class Centre:
    """What is taken off the vectors of whole pictures and of heads.

    Attributes:
        whole: `(dim,)` float32.
        heads: `(dim,)` float32.
    """

    whole: NDArray[np.float32]
    heads: NDArray[np.float32]

    @classmethod
    def nowhere(cls, dimension: int) -> Centre:
        """Nothing is taken off."""
        return cls(np.zeros(dimension, np.float32), np.zeros(dimension, np.float32))

    def taken_off(self, embeddings: NDArray[np.float32], heads: HeadViews) -> tuple[NDArray[np.float32], HeadViews]:
        """The vectors without the centre, of unit length again.

        Args:
            embeddings: `(n, dim)` float32, unit length.
            heads: The heads in these pictures.
        """
        return _without(embeddings, self.whole), HeadViews(
            heads.starts, _without(heads.vectors, self.heads), heads.boxes
        )


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


def _without(vectors: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(vectors) == 0 or not mean.any():
        return vectors
    left = vectors - mean
    # einsum: no copy of the squares.
    left /= np.maximum(np.sqrt(np.einsum("ij,ij->i", left, left)), np.float32(1e-12))[:, None]
    unit: NDArray[np.float32] = left
    return unit
