"""What the header segments of a JPEG hold: a marker, a length, a body.

Each function tells the usual body from one that a decoder may refuse or understand in its own way.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["LONGEST_PX", "Marker", "TableKind", "Tables", "huffman_tables", "may_be_passed", "quantisation_tables"]

LONGEST_PX = 65500
"""libjpeg's limit for a side."""


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
