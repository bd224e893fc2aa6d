"""Scales grey pictures of more than 8 bits to 8 bits; Pillow's own conversion clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

__all__ = ["eight_bits"]

_BRIGHTEST = 99.5
"""Percentile that counts as the brightest tone, so that one hot pixel or highlight does not darken the rest."""

_TONES_BELOW = 0.25
"""Minimum share of negative values for them to count as tones; fewer are noise and become black."""

_FULL = (255, 65535, 1 << 31, 1 << 32)
"""Possible white levels of integers that a program stored in 32 bits."""

_LOOKED_AT = 1 << 20
"""Maximum number of pixels that the range is estimated from."""


def eight_bits(image: Image.Image) -> Image.Image:
    """A picture of mode I, I;16… or F in mode L, or in mode LA if one tone is transparent.

    16-bit tones fill 0..65535, signed ones -32768..32767. The range of wider types is estimated from the values: 0..1
    (fractions), 0..255, 0..65535, 31 or 32 bits, else from 0 or the minimum to the brightest.
    """
    tags = image.tag_v2 if image.format == "TIFF" else {}  # type: ignore[attr-defined]
    bits, kind = _first(tags.get(ExifTags.Base.BitsPerSample, 16)), _first(tags.get(ExifTags.Base.SampleFormat, 1))
    values = np.asarray(image)
    if image.mode == "I" and bits == 32 and kind == 1:
        values = values.view(np.uint32)  # Pillow has no unsigned mode: the upper half would be negative
    values = values.astype(np.float32)
    if image.mode == "F":
        values = np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = _range_of_floats(values)
    elif bits == 32:
        low, high = _range_of_integers(values)
    else:
        low = -32768.0 if kind == 2 and values.min() < 0 else 0.0
        high = low + 65535.0
    clear = image.info.get("transparency")  # one transparent value
    opaque = Image.fromarray(values != clear).convert("L") if isinstance(clear, int) else None
    tones = np.clip((values - low) * np.float32(255.0 / (high - low)) + np.float32(0.5), 0, 255).astype(np.uint8)
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:
        tones = 255 - tones  # white is zero; Pillow inverts only pictures of 8 bits or less
    grey = Image.fromarray(tones, mode="L")
    if opaque is not None:
        grey.putalpha(opaque)
    return grey


def _first(value: object) -> object:
    return value[0] if isinstance(value, tuple) and value else value


def _some(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A sample of pixels, evenly spread."""
    flat = values.reshape(-1)
    return flat[:: max(1, flat.size // _LOOKED_AT)]


def _range_of_floats(values: NDArray[np.float32]) -> tuple[float, float]:
    some, top = _some(values), float(values.max())
    if (some < 0).mean() >= _TONES_BELOW:
        low, high = (float(one) for one in np.percentile(some, (100 - _BRIGHTEST, _BRIGHTEST)))
        return low, max(high, low + 1e-6)
    if top <= 1:
        return 0.0, 1.0
    usual = float(np.percentile(some, _BRIGHTEST))
    if 0 < usual <= 16:  # linear light, or 0..1 with highlights above
        return 0.0, max(1.0, usual)
    return 0.0, next((full for full in (255.0, 65535.0) if top <= full), max(usual, 1.0))


def _range_of_integers(values: NDArray[np.float32]) -> tuple[float, float]:
    low, top = float(values.min()), float(values.max())
    if low >= 0 and (top <= 65535 or top >= 1 << 30):
        return 0.0, next(float(full) for full in _FULL if top <= full)
    some = _some(values)
    low = float(np.percentile(some, 100 - _BRIGHTEST)) if low < 0 else 0.0
    return low, max(float(np.percentile(some, _BRIGHTEST)), low + 1)
