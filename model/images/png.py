"""A fast reader for the common kinds of PNG: the same pixels as Pillow's, in a third of the time.

Pillow reads files that are unusual or damaged, so that outcome and reason are the same without the compiled part. One
exception: ISA-L unpacks some damaged data that zlib refuses (docs/decisions/0023-png-rows-by-vectors.md).
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

try:
    from isal import isal_zlib as zlib  # the same results, twice as fast
except ImportError:  # no wheel for this platform
    import zlib  # type: ignore[no-redef]
try:
    from model.images.unfilter import unfilter
except ImportError:  # no compiler where the project was installed
    unfilter = None  # type: ignore[assignment]

__all__ = ["quick_pixels"]

_CHANNELS = {(8, 0): 1, (8, 2): 3, (8, 6): 4}
"""Channels by bit depth and colour type: grey, RGB, RGBA."""

_MEANT = {b"IHDR", b"tRNS", b"acTL", b"fcTL", b"fdAT"}
"""Chunks that change the meaning of the pixels: a second header, a transparent colour, an animation."""

_BEHIND = {b"IDAT", b"tIME"}
"""Chunks after the pixels that do not change Pillow's result. Others may turn the picture or be broken. Pillow has read
those before the pixels with the header."""

_HEADER = struct.pack(">I4s", 13, b"IHDR")


def quick_pixels(data: bytes, image: Image.Image) -> Image.Image | None:
    """The pixels of a PNG whose header Pillow has read; None if Pillow should read them.

    In mode RGBA if something is transparent; else in mode RGB, or RGBX, whose fourth byte is unused.
    """
    channels = _CHANNELS.get((data[24], data[25]))
    if unfilter is None or channels is None or any(data[26:29]):  # interlaced, or an unknown method
        return None
    packed = _packed(data)
    if packed is None or packed[0] >> 4 > 7:  # an invalid window size, which ISA-L ignores
        return None
    width, height = image.size
    pixels = np.empty(height * width * (1 if channels == 1 else 4), np.uint8)
    unpacker = zlib.decompressobj()
    try:
        # One byte more than expected: if it comes, or if the end is missing, the lengths are wrong.
        opaque = unfilter(unpacker.decompress(packed, height * (1 + width * channels) + 1), pixels, width, channels)
    except (zlib.error, ValueError):  # type: ignore[misc]  # in the stub of isal it is no class
        return None
    if not unpacker.eof:
        return None
    if channels == 1:
        return Image.frombuffer("L", image.size, pixels, "raw", "L", 0, 1).convert("RGB")
    # Many painting programs save an opacity channel without need.
    mode = "RGBX" if channels == 3 or opaque else "RGBA"
    return Image.frombuffer(mode, image.size, pixels, "raw", mode, 0, 1)


def _packed(data: bytes) -> bytes | None:
    """The compressed image data; None if the chunks are incomplete or ask for more than pixels."""
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
            if parts and last != kind:  # Pillow stops after the first run of them
                return None
            parts.append(memoryview(data)[at + 8 : at + 8 + length])
        at += 12 + length
        last = kind
    return None
