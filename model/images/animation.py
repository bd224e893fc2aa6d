"""Which frame of an animation is looked at.

The first, as everywhere else; but many animations fade in, and the first frame of these shows nothing. Then a few
frames are compared, and the one that shows most is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

__all__ = ["frame_that_shows_most"]

_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "HEIF")
"""Formats, by Pillow's names, whose further frames are the same picture later. Those of a TIFF are other pages."""

_BLANK = 16.0
"""Standard deviation of the tones, of 255, below which a frame shows next to nothing."""

_CLEARLY_MORE = 2.0
"""By what another frame must show more: a few lines on white are next to nothing too, in every frame alike."""

_FRAMES = 5
_MOST_PIXELS = 64_000_000
"""To reach a frame, those in front of it are decoded: so many pixels at most are, and of larger pictures the first
frame is kept, for several are held while they are compared."""

_SIDE = 64


def frame_that_shows_most(image: Image.Image) -> Image.Image:
    """The first frame, whose pixels are there; where it is blank, the one of a few that shows most.

    A frame that cannot be read ends the search.

    Args:
        image: As Pillow has opened it, its first frame loaded. It may be moved to another frame.
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
        except Exception:  # broken frames end in errors of many types; those before are there
            break
        if image.size != size:
            break
        if (detail := _detail(image)) > most:
            most, best = detail, image.copy()
    return best


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a GIF looks for its second frame, which may be broken
        return False


def _others(image: Image.Image) -> Iterator[int]:
    """Numbers of a few frames, evenly over the animation as far as it may be decoded."""
    first = image.tell()
    reached = _MOST_PIXELS // (image.width * image.height)
    last = first + min(getattr(image, "n_frames", 1) - 1 - first, reached)
    numbers = {first + round(k * (last - first) / (_FRAMES - 1)) for k in range(1, _FRAMES)}
    yield from sorted(number for number in numbers if number > first)


def _detail(image: Image.Image) -> float:
    """Standard deviation of the tones of a small copy, laid on white where it is clear; 0..128."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return float(np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)).std())
