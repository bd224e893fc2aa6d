"""The squares of a picture that are embedded: the whole, and one around each head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.images.constants import BACKGROUND
from model.images.preprocessing import Preprocessing

__all__ = ["HEAD_MARGIN", "crop", "squares"]

HEAD_MARGIN = 1.15
"""Side of the square by the longer side of the head. 1.45 was measured too, and tells characters apart less well."""


def squares(
    picture: NDArray[np.uint8], boxes: NDArray[np.float32], preprocessing: Preprocessing
) -> list[NDArray[np.uint8]]:
    """The square of the whole picture, then one around each head: `(size_px, size_px, 3)` uint8 each.

    Args:
        picture: `(height, width, 3)` uint8, a small copy as `Preprocessing.read_thumbnail` makes it.
        boxes: `(k, 5)` float32, as a head detector finds them.
        preprocessing: How the network takes pictures.
    """
    heads = [crop(picture, box[:4].tolist(), preprocessing.size_px) for box in boxes]
    return [preprocessing(Image.fromarray(picture)), *heads]


def crop(picture: NDArray[np.uint8], box: Sequence[float], size_px: int) -> NDArray[np.uint8]:
    """Cut a square with a head in its middle out of a picture; what lies beyond the picture's edges is white.

    Args:
        picture: `(height, width, 3)` uint8.
        box: Left, top, right and bottom of the head as fractions of the picture, 0..1; right of left, below top.
        size_px: Side of the square that is returned.

    Returns:
        `(size_px, size_px, 3)` uint8, antialiased bilinear.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = max(1.0, HEAD_MARGIN * max(right - left, bottom - top))
    start_x, start_y = (left + right - side) / 2, (top + bottom - side) / 2
    # The part of the square that lies within the picture, in pixels of the picture and then of the square.
    within = max(0.0, start_x), max(0.0, start_y), min(width, start_x + side), min(height, start_y + side)
    scale = size_px / side
    place_x, place_y = round((within[0] - start_x) * scale), round((within[1] - start_y) * scale)
    wide = max(1, min(size_px - place_x, round((within[2] - within[0]) * scale)))
    high = max(1, min(size_px - place_y, round((within[3] - within[1]) * scale)))
    piece = Image.fromarray(picture).resize((wide, high), Image.Resampling.BILINEAR, within)
    if (wide, high) == (size_px, size_px):
        return np.asarray(piece)
    square = Image.new("RGB", (size_px, size_px), BACKGROUND)
    square.paste(piece, (place_x, place_y))
    return np.asarray(square)
