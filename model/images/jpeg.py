"""Finds the plain JPEGs, which every decoder reads in the same way.

libjpeg refuses a file with an error in its header or a marker in the middle of its scan, and tolerates the rest; a
decoder on a GPU may differ. The outcome of a file must not depend on the decoder, so a file that libjpeg would refuse
is never plain.
"""

from __future__ import annotations

import numpy as np

from model.images.jpeg_segments import (
    LONGEST_PX,
    Marker,
    TableKind,
    Tables,
    huffman_tables,
    may_be_passed,
    quantisation_tables,
)

__all__ = ["plain_pixels"]

_SUBSAMPLINGS = (b"\x11\x11\x11", b"\x21\x11\x11", b"\x22\x11\x11")
"""4:4:4, 4:2:2 and 4:2:0: horizontal and vertical sampling factors of Y, Cb and Cr."""


def plain_pixels(data: bytes) -> int | None:
    """Width times height of a plain JPEG; None for any other file.

    Plain: baseline, 8 bits, grey or YCbCr in a usual subsampling, all tables valid, one scan without other markers, and
    the end marker at the end of the file. Wrong bits in the scan are not detected.
    """
    frame = b""
    tables: Tables = set()
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : end]
        if end > len(data):
            return None
        if marker == Marker.SCAN:
            height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
            plain = _is_plain(frame, body, tables) and _ends_with_the_file(data, end)
            return width * height if plain and max(width, height) <= LONGEST_PX else None
        if marker == Marker.BASELINE and not frame:
            frame = body
        elif marker in (Marker.HUFFMAN, Marker.QUANTISATION):
            found = huffman_tables(body, most=1) if marker == Marker.HUFFMAN else quantisation_tables(body)
            if not found:
                return None
            tables |= found
        elif not may_be_passed(marker, body):
            return None
        at = end
    return None


def _is_plain(frame: bytes, scan: bytes, tables: Tables) -> bool:
    """Whether the headers of frame and scan are usual, match, and refer to defined tables.

    A frame header holds bits, height, width, and for each component its number, sampling factors and quantisation
    table. A scan header holds for each component its number and Huffman tables, then three constant bytes.
    """
    count = frame[5] if len(frame) > 5 else 0
    if count not in (1, 3) or frame[0] != 8 or len(frame) != 6 + 3 * count or len(scan) != 4 + 2 * count:
        return False
    numbers, factors = frame[6::3], frame[7::3]
    if count == 3 and (numbers != b"\1\2\3" or factors not in _SUBSAMPLINGS):
        return False
    if count == 1 and factors != b"\x11":
        return False
    if scan[0] != count or scan[1:-3:2] != numbers or scan[-3:] != b"\0\x3f\0":
        return False
    needed = {(TableKind.QUANTISATION, number) for number in frame[8::3]}
    needed |= {(TableKind.DC, byte >> 4) for byte in scan[2:-3:2]}
    needed |= {(TableKind.AC, byte & 15) for byte in scan[2:-3:2]}
    return needed <= tables


def _ends_with_the_file(data: bytes, start: int) -> bool:
    """Whether the first marker in a scan, apart from restarts, ends the picture and the file."""
    scan = np.frombuffer(data, np.uint8, offset=start)
    marked = np.flatnonzero(scan[:-1] == 0xFF)
    followed = scan[marked + 1]
    foreign = np.flatnonzero((followed != 0) & (followed & 0xF8 != 0xD0))
    return len(foreign) == 1 and data.endswith(b"\xff\xd9") and marked[foreign[0]] == len(scan) - 2
