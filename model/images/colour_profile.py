"""Colours that a file means otherwise than sRGB, brought to sRGB by its ICC profile (littlecms, part of Pillow).

A profile that is damaged, or that is of other colours than the picture's, is passed over: the numbers are then read as
sRGB, as viewers do.
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
"""A larger profile is no profile: those of presses, the largest, have 0.5 to 3 MB."""

_KEPT = 16
"""Conversions kept, by profile. One from CMYK takes 2 MB."""

_SAME = 3
"""Colours that differ by less are the same: the many files that say sRGB differ among themselves by 1 or 2 of 255."""

_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Profiles of devices and of colour spaces. Others link two devices, or name colours."""

_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


@dataclass(frozen=True)
class Conversion:
    """A profile's colours to sRGB's. Threads may share it.

    Attributes:
        mode: What the profile is of: RGB, L or CMYK.
    """

    mode: str
    _transform: ImageCms.ImageCmsTransform

    def __call__(self, image: Image.Image) -> Image.Image:
        """The same picture in sRGB, mode RGB, or RGBA where its own mode is that.

        Args:
            image: In mode CMYK for a profile of CMYK; else RGB, RGBX or RGBA, and for a profile of grey L too.
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
    """How pictures of a mode come from a profile's colours to sRGB; None where they are there, or it is of no use.

    Args:
        profile: What a file holds as its profile, of which nothing is believed.
        mode: Of the picture as its decoder gives it, before it is brought to RGB.
    """
    if not isinstance(profile, bytes) or not 128 < len(profile) <= _MOST_BYTES:
        return None
    wanted = _colours_of(mode)
    if profile[36:40] != b"acsp" or profile[12:16] not in _CLASSES or _MODES.get(profile[16:20]) != wanted:
        return None
    return _conversion(profile)


def _colours_of(mode: str) -> str | None:
    """The kind of colours of one of Pillow's modes, as `_MODES` names them."""
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
        flags |= ImageCms.Flags.NOOPTIMIZE  # which would draw straight lines between 33 tones
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
    except (ImageCms.PyCMSError, OSError, ValueError, ImportError):  # the last where Pillow has no littlecms
        return None
    return Conversion(mode, transform)


def _probe(mode: str) -> Image.Image:
    """Every tone of grey and a lattice through all colours, or no colour at all for CMYK."""
    tones = np.arange(256, dtype=np.uint8)
    if mode != "RGB":
        return Image.fromarray(tones[None]).convert(mode)
    steps = np.linspace(0, 255, 7).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    return Image.fromarray(np.concatenate([np.repeat(tones[None, :, None], 3, axis=2), lattice], axis=1))


def _largest_difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(np.int16) - np.asarray(other)).max())
