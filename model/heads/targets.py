"""What the detector should answer: a bump at each head's centre, and its box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.heads.architecture import OUTPUTS, STRIDE

__all__ = ["targets"]

_SHARE = 0.12
_LEAST_CELLS = 0.6
_NEAR = 0.5


def targets(boxes: NDArray[np.float32], side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make the answer for one square picture.

    Args:
        boxes: `(k, 4)` float32: left, top, right, bottom in pixels.
        side_px: Side of the picture, a multiple of `STRIDE`.

    Returns:
        `(5, n, n)` float32 with n cells a side: the height of the bumps, 0..1, then offsets and sizes as the network
        gives them; and `(n, n)` float32, how much offset and size count in each cell.
    """
    cells = side_px // STRIDE
    answer = np.zeros((OUTPUTS, cells, cells), np.float32)
    weight = np.zeros((cells, cells), np.float32)
    rows, columns = np.mgrid[:cells, :cells].astype(np.float32) + 0.5
    for left, top, right, bottom in boxes / STRIDE:
        x, y, wide, high = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        across, down = max(_LEAST_CELLS, _SHARE * wide), max(_LEAST_CELLS, _SHARE * high)
        bump = np.exp(-(((columns - x) / across) ** 2 + ((rows - y) / down) ** 2) / 2)
        bump[min(cells - 1, int(y)), min(cells - 1, int(x))] = 1.0
        best = (bump > answer[0]) & (bump > _NEAR)
        for number, values in enumerate((x - columns, y - rows, np.log(wide), np.log(high)), 1):
            answer[number] = np.where(best, values, answer[number])
        weight = np.where(best, bump, weight)
        answer[0] = np.maximum(answer[0], bump)
    return answer, weight
