"""The segments of a JPEG: a marker, a length, a body; of a scan the data that follow.

The functions on bodies tell the usual ones from those that a decoder may refuse or understand in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "LONGEST_PX",
    "Marker",
    "Segment",
    "TableKind",
    "Tables",
    "huffman_tables",
    "may_be_passed",
    "quantisation_tables",
    "segments",
]

LONGEST_PX = 65500
"""libjpeg's limit for a side."""


_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""A marker that is not a restart."""


class Marker(IntEnum):
    """The second byte of a marker; the first is 0xFF."""

    BASELINE = 0xC0
    PROGRESSIVE = 0xC2
    HUFFMAN = 0xC4
    END = 0xD9
    SCAN = 0xDA
    QUANTISATION = 0xDB
    RESTART_INTERVAL = 0xDD
    JFIF = 0xE0
    ADOBE = 0xEE
    LAST_APPLICATION = 0xEF
    COMMENT = 0xFE


class TableKind(IntEnum):
    """Kinds of tables: Huffman codes of means and of other coefficients, and quantisation steps."""

    DC = 0
    AC = 1
    QUANTISATION = 2


Tables = set[tuple[TableKind, int]]
"""Kind and number of tables."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker and its body; a scan's data too.

    Attributes:
        marker: Its second byte.
        body: What follows its length.
        start: Offset of its first byte in the file.
        end: Offset behind its last byte.
    """

    marker: int
    body: bytes
    start: int
    end: int

    @property
    def is_scan(self) -> bool:
        """Whether the properties below may be asked, once the body's length is known to be right."""
        return self.marker == Marker.SCAN

    @property
    def components(self) -> bytes:
        """The numbers of a scan's components."""
        return self.body[1:-3:2]

    @property
    def band(self) -> range:
        """Which coefficients a scan holds, in zigzag order; the first is the mean."""
        return range(self.body[-3], self.body[-2] + 1)

    @property
    def bits(self) -> tuple[int, int]:
        """How many of the lowest bits of its coefficients are unknown before a scan (0 for all) and after it."""
        return self.body[-1] >> 4, self.body[-1] & 15


def segments(data: bytes, *, most: int) -> Iterator[Segment | None]:
    """The segments of a file up to its end marker. The last one is None if the file breaks off, or has `most` or more.

    A scan's data end at the next marker that is not a restart.
    """
    at = 2
    for _ in range(most):
        marker, end = data[at + 1 : at + 2], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at : at + 1] != b"\xff" or not marker:
            break
        if marker[0] == Marker.END:
            return
        if not at + 4 <= end <= len(data):
            break
        body = data[at + 4 : end]
        if marker[0] == Marker.SCAN:
            found = _SCAN_END.search(data, end)
            if found is None:
                break
            end = found.start()
        yield Segment(marker[0], body, at, end)
        at = end
    yield None


def may_be_passed(marker: int, body: bytes) -> bool:
    """Whether a segment has no effect on the pixels, or the usual one."""
    if marker == Marker.ADOBE:
        return body[:5] != b"Adobe" or body[11:12] == b"\1"  # else the colours are not YCbCr
    if marker == Marker.RESTART_INTERVAL:
        return len(body) == 2
    return marker == Marker.COMMENT or Marker.JFIF <= marker <= Marker.LAST_APPLICATION


def huffman_tables(body: bytes, *, most: int) -> Tables:
    """The Huffman tables that a segment defines; none if one is invalid, or if a number is larger than `most`."""
    found: Tables = set()
    while body:
        kind, number, counts = body[0] >> 4, body[0] & 15, body[1:17]
        size = 17 + sum(counts)
        symbols = body[17:size]
        if kind > TableKind.AC or number > most or len(body) < size or not symbols:
            return set()
        if (kind == TableKind.DC and max(symbols) > 11) or not _is_code(counts):
            return set()
        found.add((TableKind(kind), number))
        body = body[size:]
    return found


def _is_code(counts: bytes) -> bool:
    """Whether there are not more codes of a length than the length allows; all ones is not a code."""
    code = 0
    for length, count in enumerate(counts, 1):
        code += count
        if code >= 1 << length:
            return False
        code <<= 1
    return True


def quantisation_tables(body: bytes) -> Tables:
    """The 8-bit quantisation tables that a segment defines; none if one is invalid."""
    if len(body) % 65 or any(byte > 3 for byte in body[::65]):
        return set()
    return {(TableKind.QUANTISATION, byte) for byte in body[::65]}
