"""Reads the size of a picture from its header, before a decoder opens the file.

Some decoders allocate the canvas when they open a file (GIF, WebP), or decode all of it (JPEG XL). So the size is
checked first, for every format. If a header makes no sense, no size is found, and the decoder decides.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from model.images.av1 import coded_sizes
from model.images.jxl import jxl_size

__all__ = ["claimed_sizes", "claimed_values"]

Size = tuple[int, int]

_DAMAGE = (struct.error, IndexError, ValueError, OverflowError)
"""Errors of a header that is cut off or holds impossible offsets."""

_MOST_TAGS = 65535
"""Maximum of entries in a TIFF's directory; a BigTIFF may claim any number."""


def claimed_sizes(data: bytes, name: str) -> list[Size]:
    """Width and height of each canvas that a decoder allocates for this header.

    The picture, a larger frame, a tile of a TIFF, the parts of an AVIF or HEIC.
    """
    found: list[Size] = []
    try:
        found.extend(size for size in _READERS[name](data) if min(size) > 0)
    except _DAMAGE:
        pass
    return found


def _jpeg(data: bytes) -> Iterator[Size]:
    """All frame headers before the first scan."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xDA:
            return
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            yield width, height
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _png(data: bytes) -> Iterator[Size]:
    width, height, *_, check = struct.unpack_from(">II5BI", data, 16)
    if zlib.crc32(data[12:29]) == check:  # else the decoder stops here
        yield width, height


def _gif(data: bytes) -> Iterator[Size]:
    """The screen, and the first frame, which may be larger."""
    yield struct.unpack_from("<HH", data, 6)
    at = 13 + _colours(data[10])
    while data[at] == 0x21:
        at += 2
        while data[at]:  # sub-blocks, each after its length
            at += 1 + data[at]
        at += 1
    if data[at] == 0x2C:
        left, top, width, height = struct.unpack_from("<4H", data, at + 1)
        yield left + width, top + height


def _colours(flags: int) -> int:
    """Length of a GIF's colour table in bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> Iterator[Size]:
    kind = data[12:16]
    if kind == b"VP8X":
        yield 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        yield 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        yield width & 0x3FFF, height & 0x3FFF


def _bmp(data: bytes) -> Iterator[Size]:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        yield struct.unpack_from("<HH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<IiHH", data, 18)
        if bits in _BMP_DEPTHS:  # else the decoder stops here
            yield width, abs(height)


_BMP_DEPTHS = (1, 4, 8, 16, 24, 32)


def claimed_values(data: bytes, name: str) -> int:
    """How many numbers a decoder holds for the first directory of a TIFF, with 16 for a fraction; 0 for other formats.

    Usually not more than the picture has rows. Bytes and texts do not count: decoders do not convert them.
    """
    if name != "tiff":
        return 0
    try:
        entries = list(_entries(data))
    except _DAMAGE:
        return 0
    return sum(count * (16 if kind in (5, 10) else 1) for _, kind, count, _ in entries if kind not in (1, 2, 6, 7))


_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def _tiff(data: bytes) -> Iterator[Size]:
    """The picture of the first directory, and one of its tiles."""
    found: dict[int, int] = {}
    for tag, kind, _, value in _entries(data):
        if _WIDTH <= tag <= _TILE_HEIGHT and kind in _INTEGERS:
            found[tag] = max(value, found.get(tag, 0))
    yield found.get(_WIDTH, 0), found.get(_HEIGHT, 0)
    yield found.get(_TILE_WIDTH, 0), found.get(_TILE_HEIGHT, 0)


def _entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and value of the entries of a TIFF's first directory; 0 for a value stored elsewhere."""
    order, big = "<" if data[:1] == b"I" else ">", 43 in data[2:4]
    start = struct.unpack_from(order + "Q", data, 8)[0] if big else struct.unpack_from(order + "I", data, 4)[0]
    number = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    at, length = (start + 8, 20) if big else (start + 2, 12)
    for entry in range(at, at + length * min(number, _MOST_TAGS), length):
        if entry + length > len(data):
            return
        tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, entry)
        code = _INTEGERS.get(kind) if big or kind != 16 else None  # eight bytes do not fit
        value = struct.unpack_from(order + code, data, entry + (12 if big else 8))[0] if code else 0
        yield tag, kind, count, value


def _heic(data: bytes) -> Iterator[Size]:
    """All sizes (`ispe`) in the first `meta` box."""
    meta, found = _top_box(data, b"meta"), -1
    while (found := meta.find(b"ispe", found + 1)) >= 0:
        yield struct.unpack_from(">II", meta, found + 8)


def _avif(data: bytes) -> Iterator[Size]:
    """The same, and the sizes in the headers of the coded pictures."""
    yield from _heic(data)
    yield from coded_sizes(data, _top_box(data, b"meta"), _top_box(data, b"moov"))


def _top_box(data: bytes, wanted: bytes) -> bytes:
    """Content of the first top-level box of that name; empty if there is none."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1:
            length = struct.unpack_from(">Q", data, at + 8)[0]
        end = at + length if length else len(data)
        if kind == wanted:
            return data[at:end]
        if end <= at:
            break
        at = end
    return b""


def _jxl(data: bytes) -> Iterator[Size]:
    if size := jxl_size(data):
        yield size


_READERS = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "bmp": _bmp,
    "tiff": _tiff,
    "avif": _avif,
    "heic": _heic,
    "jxl": _jxl,
}
