"""Sizes of the coded pictures in an AVIF, read from their own headers.

The container states a size too, but its reader compares both only while it decodes. So a file of a kilobyte could claim
to be small and make the decoder allocate the memory of the largest possible picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["coded_sizes"]

_MOST_PARTS = 1 << 16
"""Maximum number of parts that are read; a tiled picture has hundreds."""

_SEQUENCE_HEADER, _DELIMITER, _PADDING, _METADATA = 1, 2, 15, 5


def coded_sizes(data: bytes, meta: bytes, movie: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of the coded pictures of an AVIF that begin where its boxes say.

    Args:
        data: The whole file.
        meta: Its box of that name, which lists the parts of a still picture.
        movie: Its `moov` box, which lists those of an animation.

    Raises:
        struct.error, IndexError: A box or a header is cut off.
    """
    for count, start in enumerate(_starts(data, meta, movie)):
        if count >= _MOST_PARTS:
            return
        if size := _size_at(data, start):
            yield size


def _starts(data: bytes, meta: bytes, movie: bytes) -> Iterator[int]:
    """Offsets of the parts."""
    if (at := meta.find(b"iloc")) >= 0:
        inside = data.find(meta) + meta.find(b"idat") + 4
        for method, start in _locations(meta, at + 4):
            yield start + (inside if method == 1 else 0)
    for name, code in ((b"stco", ">I"), (b"co64", ">Q")):
        at = movie.find(name)
        while at >= 0:
            count = struct.unpack_from(">I", movie, at + 8)[0]
            for entry in range(min(count, _MOST_PARTS)):
                yield struct.unpack_from(code, movie, at + 12 + entry * struct.calcsize(code))[0]
            at = movie.find(name, at + 1)


def _locations(meta: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The construction method (0: file offset, 1: `idat` offset) and the offset of each item of an `iloc` box."""
    version = meta[at]
    lengths = struct.unpack_from(">H", meta, at + 4)[0]
    offset_bytes, length_bytes, base_bytes = lengths >> 12, lengths >> 8 & 15, lengths >> 4 & 15
    index_bytes = lengths & 15 if version else 0
    wide = version == 2
    count = int.from_bytes(meta[at + 6 : at + (10 if wide else 8)], "big")
    at += 10 if wide else 8
    for _ in range(min(count, _MOST_PARTS)):
        at += 4 if wide else 2
        method = 0
        if version:
            method = meta[at + 1] & 15
            at += 2
        at += 2
        base = int.from_bytes(meta[at : at + base_bytes], "big")
        at += base_bytes
        extents = struct.unpack_from(">H", meta, at)[0]
        at += 2
        if extents:
            first = at + index_bytes
            yield method, base + int.from_bytes(meta[first : first + offset_bytes], "big")
        at += extents * (index_bytes + offset_bytes + length_bytes)


def _size_at(data: bytes, at: int) -> tuple[int, int] | None:
    """The size in the first sequence header from an offset on, or None."""
    for _ in range(8):
        if at + 2 > len(data) or data[at] & 0x81:
            return None
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        length, used = _leb128(data, at) if sized else (len(data) - at, 0)
        at += used
        if kind == _SEQUENCE_HEADER:
            return _largest_frame(_Bits(data[at : at + min(length, 512)]))
        if kind not in (_DELIMITER, _PADDING, _METADATA):
            return None
        at += length
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for used in range(8):
        value |= (data[at + used] & 0x7F) << 7 * used
        if not data[at + used] & 0x80:
            return value, used + 1
    return value, 8


def _largest_frame(bits: _Bits) -> tuple[int, int]:
    """Section 5.5.1 of the AV1 specification, up to the largest width and height."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits, model = 0, 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            zeros = 0
            while not bits.take(1) and zeros < 32:
                zeros += 1
            bits.take(zeros)
        model = bits.take(1)
        if model:
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if delays and bits.take(1):
            bits.take(4)


class _Bits:
    """Reads numbers from bytes, highest bit first; zeros after the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << count) - 1)
