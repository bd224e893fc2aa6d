"""A quick reader for the common kinds of PNG: the same pixels as Pillow's, in a third of its time.

Whatever is unusual or wrong with a file, as far as this reader can tell, is left to Pillow, so that outcome and reason
are the same with the compiled part and without it. ISA-L unpacks some damaged data that zlib refuses: such a file has
pixels here (docs/decisions/0023-png-rows-by-vectors.md).
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

try:
    from isal import isal_zlib as zlib  # the same, twice as quick
except ImportError:  # no wheel for this platform
    import zlib  # type: ignore[no-redef]
try:
    from model.images.unfilter import unfilter
except ImportError:  # no compiler where the project was installed
    unfilter = None  # type: ignore[assignment]

__all__ = ["quick_pixels"]

_CHANNELS = {(8, 0): 1, (8, 2): 3, (8, 6): 4}
"""By bit depth and colour type: grey, RGB, RGBA."""

_MEANT = {b"IHDR", b"tRNS", b"acTL", b"fcTL", b"fdAT"}
"""Chunks that say something about the pixels beyond their numbers: a second header, a clear colour, an animation."""

_BEHIND = {b"IDAT", b"tIME"}
"""Chunks behind the pixels that cannot change what Pillow makes of them. Others may turn the picture, or be broken; in
front of the pixels it has read them with the header."""

_HEADER = struct.pack(">I4s", 13, b"IHDR")


def quick_pixels(data: bytes, image: Image.Image) -> Image.Image | None:
    """The pixels of a PNG whose header Pillow has read; None where Pillow should read them.

    In mode RGBA where something is clear; else in mode RGB, or RGBX, whose fourth byte means nothing.
    """
    channels = _CHANNELS.get((data[24], data[25]))
    if unfilter is None or channels is None or any(data[26:29]):  # interlaced, or by a method that is not known
        return None
    packed = _packed(data)
    if packed is None or packed[0] >> 4 > 7:  # a window larger than there is, of which ISA-L makes nothing
        return None
    width, height = image.size
    pixels = np.empty(height * width * (1 if channels == 1 else 4), np.uint8)
    unpacker = zlib.decompressobj()
    try:
        # A byte more than there should be: if it comes, or if the end does not, the lengths are wrong.
        opaque = unfilter(unpacker.decompress(packed, height * (1 + width * channels) + 1), pixels, width, channels)
    except (zlib.error, ValueError):  # type: ignore[misc]  # in the stub of isal it is no class
        return None
    if not unpacker.eof:
        return None
    if channels == 1:
        return Image.frombuffer("L", image.size, pixels, "raw", "L", 0, 1).convert("RGB")
    # Many painting programs save all they save with an opacity.
    mode = "RGBX" if channels == 3 or opaque else "RGBA"
    return Image.frombuffer(mode, image.size, pixels, "raw", mode, 0, 1)


def _packed(data: bytes) -> bytes | None:
    """The image data; None where the file is not whole, as far as its chunks tell, or asks for more than its pixels."""
    if data[8:16] != _HEADER:
        return None
    at, parts, last = 33, list[memoryview](), b""
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            return b"".join(parts) or None if at + 12 + length <= len(data) else None
        if kind in _MEANT or (parts and kind not in _BEHIND):
            return None
        if kind == b"IDAT":
            if parts and last != kind:  # Pillow ends with the first ones
                return None
            parts.append(memoryview(data)[at + 8 : at + 8 + length])
        at += 12 + length
        last = kind
    return None
