"""From the detector's map to boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.heads.architecture import STRIDE

__all__ = ["decoded", "overlap"]

_OVERLAP = 0.45
_LARGEST_LOG = 6.0


def decoded(answer: NDArray[np.float32], least_score: float, most: int) -> NDArray[np.float32]:
    """The heads in one map, best first.

    Args:
        answer: `(5, h, w)` float32, as the network gives it.
        least_score: What scores less is left out, 0..1.
        most: How many at most.

    Returns:
        `(k, 5)` float32: left, top, right, bottom in pixels of the square, and the score, 0..1.
    """
    logits = answer[0]
    padded = np.pad(logits, 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    limit = np.log(least_score / (1 - least_score))
    rows, columns = np.nonzero(logits >= limit)
    highest = logits[rows, columns] >= windows[rows, columns].max(axis=(1, 2))
    rows, columns = rows[highest], columns[highest]
    order = np.argsort(-logits[rows, columns], kind="stable")[: 8 * most]
    rows, columns = rows[order], columns[order]
    x, y = columns + 0.5 + answer[1, rows, columns], rows + 0.5 + answer[2, rows, columns]
    size = np.exp(np.minimum(answer[3:, rows, columns], _LARGEST_LOG)) / 2
    score = 1 / (1 + np.exp(-logits[rows, columns]))
    found = np.stack([x - size[0], y - size[1], x + size[0], y + size[1]], axis=1) * STRIDE
    kept: list[int] = []
    for n, box in enumerate(found):
        if len(kept) < most and (not kept or overlap(box[None], found[kept]).max() < _OVERLAP):
            kept.append(n)
    return np.concatenate([found[kept], score[kept, None]], axis=1).astype(np.float32)


def overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of the boxes `(n, 4)` with `(m, 4)`: `(n, m)`, 0..1."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    both = np.prod(np.maximum(high - low, 0.0), axis=2)
    sizes = [np.prod(np.maximum(boxes[:, 2:4] - boxes[:, :2], 0.0), axis=1) for boxes in (first, second)]
    result: NDArray[np.float32] = both / np.maximum(sizes[0][:, None] + sizes[1][None, :] - both, 1e-12)
    return result
