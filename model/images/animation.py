"""Chooses the frame that stands for an animation.

That is the first frame, unless it is blank, as in animations that fade in. Then it is the frame with the most contrast
of a few.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

__all__ = ["frame_that_shows_most"]

_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "HEIF")
"""Pillow's names of the animated formats. The further frames of a TIFF are other pages."""

_BLANK = 16.0
"""Standard deviation of the tones (0..128) below which a frame counts as blank."""

_CLEARLY_MORE = 2.0
"""Another frame needs this many times the contrast: a few lines on white look blank in every frame."""

_FRAMES = 5
_MOST_PIXELS = 64_000_000
"""Limit of decoded pixels: to reach a frame, a decoder decodes those before it. Larger pictures keep the first frame,
because the comparison holds several frames in memory."""

_SIDE = 64


def frame_that_shows_most(image: Image.Image) -> Image.Image:
    """The first frame; if it is blank, the one of a few with the most contrast.

    A frame that cannot be read ends the search.

    Args:
        image: Opened by Pillow, with its first frame loaded. It may be moved to another frame.
    """
    if image.format not in _ANIMATED or not _is_animated(image):
        return image
    first = _detail(image)
    if first >= _BLANK:
        return image
    best, size, most = image.copy(), image.size, _CLEARLY_MORE * first
    for frame in _others(image):
        try:
            image.seek(frame)
            image.load()
        except Exception:  # broken frames raise errors of many types; keep the frames before
            break
        if image.size != size:
            break
        if (detail := _detail(image)) > most:
            most, best = detail, image.copy()
    return best


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow looks for the second frame of a GIF, which may be broken
        return False


def _others(image: Image.Image) -> Iterator[int]:
    """Numbers of a few frames, evenly over the part of the animation that may be decoded."""
    first = image.tell()
    reached = _MOST_PIXELS // (image.width * image.height)
    last = first + min(getattr(image, "n_frames", 1) - 1 - first, reached)
    numbers = {first + round(k * (last - first) / (_FRAMES - 1)) for k in range(1, _FRAMES)}
    yield from sorted(number for number in numbers if number > first)


def _detail(image: Image.Image) -> float:
    """Standard deviation of the tones of a small copy, composed on white; 0..128."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return float(np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)).std())
