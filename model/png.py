"""A quick reader for the common kinds of PNG: the same pixels as Pillow's, in less than half its time.

Whatever is unusual or wrong with a file, this reader leaves it to Pillow, so that outcome and reason are the same with
the library kornia-rs and without it.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

try:
    from kornia_rs.io import decode_image_png_u8
except ImportError:  # no wheel for this platform
    decode_image_png_u8 = None

__all__ = ["quick_pixels"]

_KINDS = {(8, 0): "mono", (8, 2): "rgb", (8, 6): "rgba"}
"""What kornia-rs calls the kinds that it is asked for, by bit depth and colour type."""

_MOST_PIXELS = 1 << 26
"""Larger ones are Pillow's: where memory runs out, it raises an error, and the library ends the process."""

_MEANT = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
"""Chunks that say something about the pixels beyond their numbers: a clear colour, an animation."""

_TURNING = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}
"""Chunks that may turn the picture. In front of the pixels Pillow reads them with the header."""


def quick_pixels(data: bytes, image: Image.Image) -> Image.Image | None:
    """The pixels of a PNG whose header Pillow has read; None where Pillow should read them.

    In mode RGBA where something is clear; else in mode RGB, or RGBX, whose fourth byte means nothing.
    """
    if decode_image_png_u8 is None or image.width * image.height > _MOST_PIXELS or not _is_plain(data):
        return None
    kind = _KINDS.get((data[24], data[25]))
    if kind is None or data[28]:  # interlaced
        return None
    try:
        pixels = decode_image_png_u8(data, (image.height, image.width), kind)
    except Exception:  # the library raises nothing more precise
        return None
    if kind == "mono":
        return Image.fromarray(pixels[:, :, 0]).convert("RGB")
    if kind == "rgba" and _is_opaque(pixels):  # as many painting programs save all they save
        return Image.frombuffer("RGBX", image.size, pixels, "raw", "RGBX", 0, 1)
    return Image.fromarray(pixels)


def _is_opaque(pixels: NDArray[np.uint8]) -> bool:
    """Whether nothing is clear in `(height, width, 4)` uint8. What is clear somewhere mostly shows it early."""
    rows = pixels.view(np.uint32)  # four bytes at once, in whatever order
    common = (np.bitwise_and.reduce(rows[top : top + 64], axis=None) for top in range(0, len(rows), 64))
    return all(each.reshape(1).view(np.uint8)[3] == 255 for each in common)


def _is_plain(data: bytes) -> bool:
    """Whether the file is whole, as far as its chunks tell, and has no chunk that asks for more than its pixels."""
    at, behind = 8, False
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if kind == b"IEND":
            return behind and at <= len(data)
        if kind in _MEANT or (behind and kind in _TURNING):
            return False
        behind = behind or kind == b"IDAT"
    return False
