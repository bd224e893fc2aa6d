"""Reads size and number of channels of a JPEG XL picture from its header.

The plug-in decodes the whole picture when it opens a file, so limits must be checked before.
"""

from __future__ import annotations

import struct

__all__ = ["jxl_size"]

_LENGTHS = (9, 13, 18, 30)  # bits of a length, by its selector
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height

_HEADER_BYTES = 64
"""Enough for size, preview, animation and number of channels."""


def jxl_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels by the codestream's header (ISO/IEC 18181-1, SizeHeader), before the orientation is
    applied; None without a whole header.

    The decoder allocates a plane of that size for each extra channel (depth, spot colours), and there may be 4096. From
    the fourth on, they are added to the height.
    """
    stream = _codestream(data)
    if stream is None or len(stream) < 6 or not stream.startswith(b"\xff\x0a"):
        return None
    bits = _Bits(stream[2:])
    width, height = _size(bits)
    return width, height * max(1, _extra_channels(bits) - 2)


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1) == 1
    height = _length(bits, small)
    ratio = bits.take(3)
    if ratio == 0:
        return _length(bits, small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _extra_channels(bits: _Bits) -> int:
    """Number of extra channels (ImageMetadata), read from after the size."""
    if bits.take(1):  # all default
        return 0
    if bits.take(1):
        bits.take(3)  # orientation
        if bits.take(1):
            _size(bits)  # intrinsic size
        if bits.take(1):
            _skip_preview(bits)
        if bits.take(1):
            for choices in (((0, 0, 10, 30)), ((0, 0, 8, 10)), ((0, 3, 16, 32))):  # frame durations
                bits.take(choices[bits.take(2)])
            bits.take(1)
    floats = bits.take(1)
    if bits.take(2) == 3:
        bits.take(6)
    bits.take(4 * floats)
    bits.take(1)
    selector = bits.take(2)
    return selector if selector < 2 else (2 + bits.take(4) if selector == 2 else 1 + bits.take(12))


def _skip_preview(bits: _Bits) -> None:
    lengths = (0, 0, 5, 9) if bits.take(1) else (6, 8, 10, 12)
    bits.take(lengths[bits.take(2)])
    if bits.take(3) == 0:
        bits.take(lengths[bits.take(2)])


def _length(bits: _Bits, small: bool) -> int:
    return (bits.take(5) + 1) * 8 if small else bits.take(_LENGTHS[bits.take(2)]) + 1


def _codestream(data: bytes) -> bytes | None:
    """The first bytes of the codestream, bare or in its first box."""
    if data.startswith(b"\xff\x0a"):
        return data[:_HEADER_BYTES]
    start = 0
    while start + 16 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        if kind in (b"jxlc", b"jxlp"):
            head += 4 * (kind == b"jxlp")  # a part begins with its index
            return data[start + head : start + head + _HEADER_BYTES]
        if length < head:  # 0 is the last box; anything else is damage
            return None
        start += length
    return None


class _Bits:
    """Reads numbers from bytes, lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value
