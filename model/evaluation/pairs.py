"""Distances of pairs of pictures: of one character (genuine) and of two (impostor)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EvaluationError
from model.matching.picture_distances import paired_distances, picture_distances
from store.head_views import HeadViews

__all__ = ["Pairs", "all_pairs", "sampled_pairs"]

_ROWS = 2048
"""Rows of the distance matrix per block: 2048 x 50,000 float32 are 400 MB."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows with their distances.

    Attributes:
        first: `(n,)` int64, row of one picture.
        second: `(n,)` int64, row of the other, never the same.
        distances: `(n,)` float32 cosine distances.
        same: `(n,)` bool, whether both show one character.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: NDArray[np.float32]
    same: NDArray[np.bool_]

    @property
    def genuine(self) -> NDArray[np.float32]:
        """Distances of the pairs of one character."""
        return self.distances[self.same]

    @property
    def impostor(self) -> NDArray[np.float32]:
        """Distances of the pairs of two characters."""
        return self.distances[~self.same]


def all_pairs(embeddings: NDArray[np.float32], labels: NDArray[np.int64], heads: HeadViews | None = None) -> Pairs:
    """Every unordered pair of two different rows.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        labels: `(n,)` int64, the character of each row.
        heads: The heads in these pictures; none by default.
    """
    heads = heads or HeadViews.none(*embeddings.shape)
    every = np.arange(len(embeddings))
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for start in range(0, len(embeddings), _ROWS):
        rows, rest = every[start : start + _ROWS], every[start:]
        block = picture_distances((embeddings[rows], heads.take(rows)), (embeddings[rest], heads.take(rest)))
        first, second = np.triu_indices(len(block), k=1, m=block.shape[1])
        parts.append((first + start, second + start, block[first, second]))
    if not parts:
        raise EvaluationError("there is no picture to compare")
    first, second, distances = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Pairs(first, second, distances, labels[first] == labels[second])


def sampled_pairs(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
    heads: HeadViews | None = None,
) -> Pairs:
    """Draw `count` genuine and `count` impostor pairs, each uniformly from all pairs of its kind, with repetition.

    As in the article. A uniform draw over pairs gives a character with k pictures a weight of k (k - 1) / 2.

    Raises:
        EvaluationError: No character has two pictures, or there is only one character.
    """
    order = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise EvaluationError("pairs need two characters, and one with two pictures")
    weights = counts * (counts - 1.0)
    groups = rng.choice(len(counts), size=count, p=weights / weights.sum())
    one = rng.integers(0, counts[groups])
    other = rng.integers(0, counts[groups] - 1)
    other += other >= one
    genuine = order[starts[groups] + one], order[starts[groups] + other]
    impostor = _impostors(labels, count, rng)
    first, second = (np.concatenate(columns) for columns in zip(genuine, impostor, strict=True))
    distances = paired_distances((embeddings, heads or HeadViews.none(*embeddings.shape)), first, second)
    return Pairs(first, second, distances, np.arange(2 * count) < count)


def _impostors(
    labels: NDArray[np.int64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Uniform impostor pairs, by rejection of genuine ones."""
    first, second = np.empty(0, np.int64), np.empty(0, np.int64)
    while len(first) < count:
        one, other = rng.integers(0, len(labels), (2, 2 * count))
        keep = labels[one] != labels[other]
        first, second = np.append(first, one[keep]), np.append(second, other[keep])
    return first[:count], second[:count]
