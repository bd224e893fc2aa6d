"""Characters as clouds of unit vectors around a common mean, as a network would see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from store.head_views import BOX_VALUES, HeadViews

Floats = NDArray[np.float32]


def unit(rows: NDArray[np.float64]) -> Floats:
    """Rows made one long."""
    found: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def characters(seed: int, count: int, pictures: int, *, noise: float = 0.7, dimension: int = 64) -> Floats:
    """`(count, pictures, dimension)`: a cloud for each character, all around one mean."""
    random = np.random.default_rng(seed)
    common = random.normal(size=dimension)
    centres = random.normal(size=(count, dimension)) + 0.7 * common
    rows = np.repeat(centres, pictures, axis=0) + noise * random.normal(size=(count * pictures, dimension))
    return unit(rows).reshape(count, pictures, dimension)


def heads_of(counts: list[int], vectors: Floats, scores: list[float] | None = None) -> HeadViews:
    """So many heads in each picture, with these vectors; equally sure by default."""
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    boxes = np.full((len(vectors), BOX_VALUES), 0.5, np.float32)
    boxes[:, BOX_VALUES - 1] = scores or 0.5
    return HeadViews(starts, vectors, boxes)
