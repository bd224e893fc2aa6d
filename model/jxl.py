"""The size that a JPEG XL picture claims, read from its first bytes.

The plug-in decodes the whole picture when it is opened, so a limit has to be checked before.
"""

from __future__ import annotations

import struct

__all__ = ["jxl_size"]

_LENGTHS = (9, 13, 18, 30)  # bits of a length, by its selector
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height, from ratio 1 on


def jxl_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the codestream's header gives them (ISO/IEC 18181-1, SizeHeader), before it is
    turned upright; None where there is no whole header.
    """
    stream = _codestream(data)
    if stream is None or len(stream) < 6 or not stream.startswith(b"\xff\x0a"):
        return None
    bits = _Bits(stream[2:12])
    small = bits.take(1) == 1
    height = _length(bits, small)
    ratio = bits.take(3)
    if ratio == 0:
        return _length(bits, small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _length(bits: _Bits, small: bool) -> int:
    return (bits.take(5) + 1) * 8 if small else bits.take(_LENGTHS[bits.take(2)]) + 1


def _codestream(data: bytes) -> bytes | None:
    """The first bytes of the codestream, bare or in the first box that holds it."""
    if data.startswith(b"\xff\x0a"):
        return data[:12]
    start = 0
    while start + 16 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        if kind in (b"jxlc", b"jxlp"):
            head += 4 * (kind == b"jxlp")  # a part begins with its number
            return data[start + head : start + head + 12]
        if length < head:  # 0 is the last box; anything else is damage
            return None
        start += length
    return None


class _Bits:
    """Reads numbers from bytes, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value
