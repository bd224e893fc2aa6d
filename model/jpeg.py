"""Which JPEGs every decoder reads alike."""

from __future__ import annotations

__all__ = ["plain_pixels"]

_BASELINE, _START_OF_SCAN, _ADOBE = 0xC0, 0xDA, 0xEE
_SUBSAMPLINGS = (b"\x11\x11\x11", b"\x21\x11\x11", b"\x22\x11\x11")
"""4:4:4, 4:2:2 and 4:2:0: horizontal and vertical factors of brightness and of the two colours."""


def plain_pixels(data: bytes) -> int | None:
    """Width times height of a JPEG that is as plain as can be; None for any other file, damaged ones among them.

    That is: baseline, 8 bits, grey or YCbCr in an order and a subsampling that nobody has to guess, all of it in one
    scan, and an end where the file ends. What stands in its scan is not looked at.
    """
    if not data.endswith(b"\xff\xd9"):
        return None
    frame = b""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _BASELINE:
            frame = data[at + 4 : at + 2 + length]
        elif marker == _ADOBE and data[at + 15 : at + 16] != b"\1":  # colours that are not YCbCr
            return None
        elif marker == _START_OF_SCAN:
            in_one_scan = _is_plain(frame) and data[at + 4] == frame[5]
            return int.from_bytes(frame[1:3], "big") * int.from_bytes(frame[3:5], "big") if in_one_scan else None
        at += 2 + length
    return None


def _is_plain(frame: bytes) -> bool:
    """Whether a frame header says so: bits, height, width, and number, factors and table of each component."""
    if frame[:1] != b"\x08":
        return False
    if len(frame) == 9 and frame[5] == 1:
        return True
    return len(frame) == 15 and frame[5] == 3 and frame[6::3] == b"\1\2\3" and frame[7::3] in _SUBSAMPLINGS
