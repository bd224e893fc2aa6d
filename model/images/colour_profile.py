"""Converts pictures with an ICC profile to sRGB by littlecms, which is part of Pillow.

A profile that is damaged, or of another colour space than the picture, is ignored: the picture is then read as sRGB, as
viewers do.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

__all__ = ["Conversion", "conversion_to_srgb"]

_MOST_BYTES = 4 << 20
"""Larger profiles are ignored. The largest real ones, for printing presses, have 0.5 to 3 MB."""

_KEPT = 16
"""Size of the cache of conversions. One from CMYK takes 2 MB."""

_SAME = 3
"""Tolerance of 255 for a profile to count as sRGB: the many sRGB profiles differ from each other by 1 or 2."""

_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Profile classes of devices and colour spaces. Others link two devices or name colours."""

_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


@dataclass(frozen=True)
class Conversion:
    """A conversion from a profile to sRGB. Threads may share it.

    Attributes:
        mode: Of the profile: RGB, L or CMYK.
    """

    mode: str
    _transform: ImageCms.ImageCmsTransform

    def __call__(self, image: Image.Image) -> Image.Image:
        """The picture in sRGB: in mode RGBA if it has that mode, else RGB.

        Args:
            image: Mode CMYK for a CMYK profile; else RGB, RGBX or RGBA, or also L for a grey profile.
        """
        if self.mode == "L" and image.mode != "L":
            bare = image.getchannel("R")
        else:
            bare = image if image.mode == self.mode else image.convert(self.mode)
        converted = self._transform.apply(bare)
        if image.mode == "RGBA":
            converted.putalpha(image.getchannel("A"))
        return converted


def conversion_to_srgb(profile: object, mode: str) -> Conversion | None:
    """The conversion from a profile to sRGB for pictures of a mode; None if the profile is sRGB or unusable.

    Args:
        profile: Bytes from a file, not trusted.
        mode: Of the decoded picture, before it is converted to RGB.
    """
    if not isinstance(profile, bytes) or not 128 < len(profile) <= _MOST_BYTES:
        return None
    wanted = _colours_of(mode)
    if profile[36:40] != b"acsp" or profile[12:16] not in _CLASSES or _MODES.get(profile[16:20]) != wanted:
        return None
    return _conversion(profile)


def _colours_of(mode: str) -> str | None:
    """The colour space of one of Pillow's modes, as `_MODES` names it."""
    if mode in ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "YCbCr"):
        return "RGB"
    if mode in ("L", "LA", "La", "F") or mode.startswith("I"):
        return "L"
    return "CMYK" if mode == "CMYK" else None


@functools.lru_cache(_KEPT)
def _conversion(profile: bytes) -> Conversion | None:
    from PIL import ImageCms  # only pictures with a profile need littlecms

    mode = _MODES[profile[16:20]]
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # it would interpolate between 33 tones
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
        probe = _probe(mode)
        if mode != "CMYK" and _largest_difference(transform.apply(probe), probe.convert("RGB")) < _SAME:
            return None
    except (ImageCms.PyCMSError, OSError, ValueError, ImportError):  # ImportError: Pillow without littlecms
        return None
    return Conversion(mode, transform)


def _probe(mode: str) -> Image.Image:
    """All grey tones and a lattice of colours to compare; empty for CMYK."""
    tones = np.arange(256, dtype=np.uint8)
    if mode != "RGB":
        return Image.fromarray(tones[None]).convert(mode)
    steps = np.linspace(0, 255, 7).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    return Image.fromarray(np.concatenate([np.repeat(tones[None, :, None], 3, axis=2), lattice], axis=1))


def _largest_difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(np.int16) - np.asarray(other)).max())
