"""Progressive JPEGs: with any scans and sampling factors, and damaged ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCAN, FRAME = 0xDA, 0xC2
_BANDS = ((1, 5), (6, 63))


@dataclass(frozen=True)
class Segment:
    """A marker with its body, and a scan's data."""

    marker: int
    body: bytes
    data: bytes = b""

    @property
    def content(self) -> bytes:
        """The bytes in the file."""
        return struct.pack(">BBH", 0xFF, self.marker, len(self.body) + 2) + self.body + self.data


def segments(file: bytes) -> Iterator[Segment]:
    """The segments of a file without errors."""
    at = 2
    while file[at + 1] != 0xD9:
        marker, length = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
        body, start = file[at + 4 : at + 2 + length], at + 2 + length
        at = start
        while marker == SCAN and (file[at] != 0xFF or file[at + 1] == 0 or 0xD0 <= file[at + 1] <= 0xD7):
            at += 1
        yield Segment(marker, body, file[start:at])


def joined(parts: Sequence[Segment]) -> bytes:
    """The file of some segments."""
    return b"\xff\xd8" + b"".join(part.content for part in parts) + b"\xff\xd9"


def in_bands(size: tuple[int, int], factors: Sequence[tuple[int, int]], seed: int) -> bytes:
    """A file of random coefficients, by spectral selection alone: each component's means, then two bands of the others.

    Args:
        size: Width and height.
        factors: Sampling factors of each component, across and down.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    most = max(across for across, _ in factors), max(down for _, down in factors)
    numbers = range(1, len(factors) + 1)
    frame = struct.pack(">BHHB", 8, size[1], size[0], len(factors))
    frame += b"".join(bytes([n, across << 4 | down, 0]) for n, (across, down) in zip(numbers, factors, strict=True))
    parts = [Segment(0xDB, b"\0" + bytes([8] + [6] * 63)), Segment(FRAME, frame), Segment(0xC4, _MEANS + _OTHERS)]
    for number, own in zip(numbers, factors, strict=True):
        blocks = [-(-side * own[n] // (8 * most[n])) for n, side in enumerate(size)]
        values = random.integers(-9, 10, (blocks[0] * blocks[1], 64)) * (random.random((1, 64)) < 0.4)
        values[:, 0] = random.integers(-100, 100, len(values))
        means = np.diff(values[:, 0], prepend=0)
        parts.append(Segment(SCAN, bytes([1, number, 0, 0, 0, 0]), _packed(_coded_means(means))))
        for first, last in _BANDS:
            body = bytes([1, number, 0, first, last, 0])
            parts.append(Segment(SCAN, body, _packed(_coded(values[:, first : last + 1]))))
    return joined(parts)


_MEANS = b"\0" + bytes([0, 0, 0, 12]) + bytes(12) + bytes(range(12))
"""A Huffman table of means: the code of a length of 0 to 11 bits is the length, in four bits."""

_OTHERS = b"\x10" + bytes(7) + b"\xff" + bytes(8) + bytes(range(255))
"""A Huffman table of the others: the code of a symbol is the symbol, in eight bits."""


def _coded_means(differences: NDArray[np.int64]) -> Iterator[str]:
    for value in differences.tolist():
        yield f"{abs(value).bit_length():04b}" + _bits(value)


def _coded(bands: NDArray[np.int64]) -> Iterator[str]:
    """Of each block: before each value the zeros in front of it and its length; sixteen zeros; the end."""
    for block in bands.tolist():
        zeros = 0
        for value in block:
            if value:
                yield "11110000" * (zeros // 16) + f"{zeros % 16:04b}{abs(value).bit_length():04b}" + _bits(value)
            zeros = 0 if value else zeros + 1
        if zeros:
            yield "00000000"


def _bits(value: int) -> str:
    """The bits of a number; those of a negative one are inverted."""
    length = abs(value).bit_length()
    return format(value if value > 0 else value + (1 << length) - 1, "b").zfill(length) if value else ""


def _packed(codes: Iterator[str]) -> bytes:
    bits = "".join(codes)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
