"""Reads cut-off files: a download that stopped, a camera that was switched off.

Viewers show the rows that are there. A JPEG or PNG with at least nine tenths of its rows is read; with fewer it is
unreadable, like a file that is broken in the middle.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from PIL import Image, ImageChops

__all__ = ["read_cut_off"]

_ENOUGH = 0.9
"""Minimum share of the rows."""

_BLOCK_PX = 33
"""A JPEG is coded in blocks of at most 32 pixels, and upsampling shows a pixel more: if the data end in the last block,
nothing is missing."""

_TAKEN_AWAY = (2, 4, 8, 16)
"""Numbers of bytes to remove to find where in the picture the data end; the first may change no pixel."""

_END = b"\xff\xd9"
_SCAN = 0xDA

Opened = Callable[[bytes], Image.Image]


def read_cut_off(data: bytes, name: str, opened: Opened) -> tuple[Image.Image, int] | None:
    """The picture of a file that its reader has refused, and the number of missing rows at the bottom.

    Args:
        data: The whole content of the file.
        name: Its format.
        opened: Opens a file's content by Pillow.

    Returns:
        A loaded picture; None if the file is not cut off, or too much is missing.
    """
    found = {"jpeg": _jpeg, "png": _png}.get(name)
    result = found(data, opened) if found else None
    if result is None or result[1] > (1 - _ENOUGH) * result[0].height:
        return None
    return result


def _jpeg(data: bytes, opened: Opened) -> tuple[Image.Image, int] | None:
    """Read it with an end marker appended. Reading it with fewer bytes shows where the data end."""
    scan = _last_scan(data)
    if scan is None or data.find(_END, scan) >= 0:
        return None
    image = opened(data + _END)
    image.load()
    for count in _TAKEN_AWAY:
        if len(data) - count <= scan:
            return None
        other = opened(data[:-count] + _END)
        other.load()
        if box := ImageChops.difference(image, other).getbbox(alpha_only=False):
            left, top = box[:2]
            whole = left >= image.width - _BLOCK_PX and top >= image.height - _BLOCK_PX
            return image, 0 if whole else image.height - top
    return None


def _last_scan(data: bytes) -> int | None:
    """Offset of the last scan of a JPEG; None unless every coefficient of every component has its lowest bit."""
    at, last, components, complete = 2, None, 0, set[tuple[int, int]]()
    while at + 4 <= len(data):
        if data[at] != 0xFF or not 0xC0 <= data[at + 1] < 0xFF or 0xD0 <= data[at + 1] <= 0xD8:
            at = data.find(b"\xff", at + 1)  # bytes of a scan
            if at < 0:
                break
            continue
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(body) > 5:
            components = body[5]
        elif marker == _SCAN and body and len(body) == 4 + 2 * body[0]:
            first, end, low = body[-3], body[-2], body[-1] & 15
            if low == 0:
                complete |= {(number, k) for number in body[1:-3:2] for k in range(first, min(end, 63) + 1)}
            last = at
        at += 2 + length
    return last if components and len(complete) == 64 * components else None


_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Channels of a PNG by its colour type."""


def _png(data: bytes, opened: Opened) -> tuple[Image.Image, int] | None:
    """Count the rows that can be unpacked; the decoder fills them in before it refuses the file."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    packed = _packed(data)
    if packed is None or interlaced or colour not in _CHANNELS:
        return None
    row = 1 + (width * depth * _CHANNELS[colour] + 7) // 8
    unpacked = 0
    unpacker = zlib.decompressobj()
    while packed and unpacked < height * row:
        unpacked += len(unpacker.decompress(packed, 1 << 20))
        packed = unpacker.unconsumed_tail
    image = opened(data)
    try:
        image.load()
    except OSError:
        image.tile = []  # type: ignore[attr-defined]  # nothing more is to be read
    return image, height - min(height, unpacked // row)


def _packed(data: bytes) -> bytes | None:
    """The image data of a PNG that ends within them; None for any other file."""
    at, parts = 8, list[bytes]()
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            parts.append(data[at + 8 : at + 8 + length])
        elif parts:
            return None
        at += 12 + length
    return b"".join(parts) if parts and at > len(data) else None
