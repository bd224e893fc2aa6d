"""The vectors of pictures and of the heads in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from model.heads.detector import HeadDetector
from model.images.crops import squares
from model.images.preprocessing import Preprocessing
from store.head_views import HeadViews

__all__ = ["picture_views"]


def picture_views(
    pictures: Sequence[NDArray[np.uint8]],
    preprocessing: Preprocessing,
    detector: HeadDetector,
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], HeadViews]:
    """Embed pictures whole, and the heads in them.

    Args:
        pictures: Small copies, see `Preprocessing.read_thumbnail`; at least one.
        preprocessing: How the network takes pictures.
        detector: Finds the heads.
        embed: From `(n, size_px, size_px, 3)` uint8 to `(n, dim)` float32, unit length.

    Returns:
        `(n, dim)` float32, the whole pictures; and the heads in them.
    """
    boxes = detector.detect(pictures)
    cut = [squares(pixels, found, preprocessing) for pixels, found in zip(pictures, boxes, strict=True)]
    vectors = embed(np.stack([square for some in cut for square in some]))
    starts = np.concatenate([[0], np.cumsum([len(found) for found in boxes])]).astype(np.int64)
    wholes = starts[:-1] + np.arange(len(boxes))
    return vectors[wholes], HeadViews(starts, np.delete(vectors, wholes, axis=0), np.concatenate(boxes))
