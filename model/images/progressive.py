"""Leaves out the scans of a progressive JPEG that a reduced picture does not need.

A progressive JPEG stores the picture several times over, from coarse to fine. A scan holds some coefficients of each
block of 8 x 8 pixels, or one more bit of them, and libjpeg reads all scans before it makes one pixel. At 1/8 a block of
brightness becomes one pixel, its mean. The other coefficients are most of the file, and no pixel depends on them.

A file with an error or something unusual in any header is left as it is, so that libjpeg decides on all of it. Wrong
bits in the scans that are left out are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from model.images.jpeg_segments import (
    LONGEST_PX,
    Marker,
    Segment,
    TableKind,
    Tables,
    huffman_tables,
    may_be_passed,
    quantisation_tables,
    segments,
)

__all__ = ["needed_scans"]

_MOST_LOST = {2: 12, 4: 36, 8: 0}
"""How much a coefficient of brightness may lose, by the factor; of the mean of a block this would be 1.5 and 4.5 levels
of 255. The colours lose nothing: their scans take less time, and embeddings depend more on them
(docs/decisions/0007-decoding.md)."""

_MOST_SEGMENTS = 1000
"""A file with more is unusual. A colour profile takes 255 at most, a script of scans about ten."""

_UNKNOWN, _COMPLETE = -1, 0
_LOW = 6
"""The first coefficients in zigzag order, with the mean."""

_BLOCK_PX = 8


def needed_scans(data: bytes, factor: int) -> bytes | None:
    """A JPEG with those scans of a progressive JPEG that libjpeg needs to decode it at a fraction of its size.

    At 1/8 libjpeg makes the same pixels of it as of the whole file. At 1/4 and 1/2 the lowest bits of the frequencies
    of brightness are missing: none in a file of low quality. EXIF, colour profile and comments are not copied.

    Args:
        data: The whole content of the file.
        factor: 2, 4 or 8, by which libjpeg divides the sides.

    Returns:
        None if the whole file should be read: it is not progressive, it is cut off, a header has an error or says
        something unusual, or every scan is needed.
    """
    script = _Script()
    for segment in segments(data, most=_MOST_SEGMENTS):
        if segment is None or not script.accepts(segment):
            return None
    if script.frame is None or not script.is_complete:
        return None
    frame, left_out = script.frame, script.left_out_bits(factor)
    parts, completed = list[bytes](), set[int]()
    for segment in script.segments:
        if frame.needs(segment, factor, left_out):
            parts.append(data[segment.start : segment.end])
        else:
            completed.add(segment.components[0])
    if not completed:
        return None
    ends = [_no_more_blocks(frame, component) for component in sorted(completed)]
    return b"".join([b"\xff\xd8", *parts, _NO_MORE_TABLE, _NO_RESTARTS, *ends, b"\xff\xd9"])


@dataclass(frozen=True, slots=True)
class _Frame:
    """The frame header: bits, height, width, count; of each component its number, sampling factors, and table."""

    body: bytes

    @property
    def is_usual(self) -> bool:
        """Whether it is grey or YCbCr of 8 bits, and not larger than libjpeg allows."""
        count = self.body[5] if len(self.body) > 5 else 0
        return (
            count in (1, 3)
            and self.body[0] == 8
            and len(self.body) == 6 + 3 * count
            and (count == 1 or self.components == b"\1\2\3")
            and all(1 <= factor <= 4 for pair in self._factors.values() for factor in pair)
            and all(1 <= side <= LONGEST_PX for side in self._size)
        )

    @property
    def components(self) -> bytes:
        return self.body[6::3]

    def quantisation(self, component: int) -> int:
        """The number of its quantisation table."""
        return self.body[8 + 3 * self.components.index(component)]

    def blocks(self, component: int) -> int:
        """How many blocks a scan of this component alone has."""
        own, most = self._factors[component], self._most_factors
        across, down = (-(-side * own[n] // (_BLOCK_PX * most[n])) for n, side in enumerate(self._size))
        return across * down

    def needs(self, segment: Segment, factor: int, left_out: int) -> bool:
        """Whether a picture that is reduced by a factor, without so many bits of brightness, needs a segment."""
        if not segment.is_scan or segment.band.start == 0:
            return True
        component = segment.components[0]
        if self._reduced_px(component, factor) == 1:
            return False
        return component != self.components[0] or not 0 < segment.bits[0] <= left_out

    def _reduced_px(self, component: int, factor: int) -> int:
        """Side of what libjpeg makes of a block (`jpeg_calc_output_dimensions`): of halved colours it makes more."""
        least = px = _BLOCK_PX // factor
        own, most = self._factors[component], self._most_factors
        while px < _BLOCK_PX and all(most[n] * least % (2 * own[n] * px) == 0 for n in (0, 1)):
            px *= 2
        return px

    @property
    def _size(self) -> tuple[int, int]:
        return int.from_bytes(self.body[3:5], "big"), int.from_bytes(self.body[1:3], "big")

    @property
    def _factors(self) -> dict[int, tuple[int, int]]:
        """Horizontal and vertical sampling factors."""
        pairs = ((byte >> 4, byte & 15) for byte in self.body[7::3])
        return dict(zip(self.components, pairs, strict=True))

    @property
    def _most_factors(self) -> tuple[int, int]:
        pairs = self._factors.values()
        return max(across for across, _ in pairs), max(down for _, down in pairs)


@dataclass(slots=True)
class _Script:
    """The segments that a decoder needs, in their order, and how much they tell of each coefficient.

    Attributes:
        steps: The steps of each quantisation table, in zigzag order.
        unknown: Of each component how many of the lowest bits of its 64 coefficients are unknown.
    """

    segments: list[Segment] = field(default_factory=list)
    frame: _Frame | None = None
    tables: Tables = field(default_factory=set)
    steps: dict[int, bytes] = field(default_factory=dict)
    unknown: dict[int, list[int]] = field(default_factory=dict)

    def accepts(self, segment: Segment) -> bool:
        """Take the next segment; whether it is as usual, and fits to those before."""
        marker, body = segment.marker, segment.body
        if marker == Marker.COMMENT or (Marker.JFIF < marker <= Marker.LAST_APPLICATION and marker != Marker.ADOBE):
            return True
        self.segments.append(segment)
        if marker == Marker.SCAN:
            return self._accepts_scan(segment)
        if marker == Marker.PROGRESSIVE:
            return self._accepts_frame(_Frame(body))
        if marker == Marker.QUANTISATION:
            return self._accepts_tables(quantisation_tables(body), body)
        if marker == Marker.HUFFMAN:
            return self._accepts_tables(huffman_tables(body, most=3))
        return may_be_passed(marker, body)

    def _accepts_tables(self, found: Tables, steps: bytes = b"") -> bool:
        new = {steps[at]: steps[at + 1 : at + 65] for at in range(0, len(steps), 65)}
        if new.keys() & self.steps.keys():
            return False  # a component keeps the table that it had in its first scan
        self.steps |= new
        self.tables |= found
        return bool(found)

    def _accepts_frame(self, frame: _Frame) -> bool:
        if self.frame is not None or not frame.is_usual:
            return False
        self.frame = frame
        self.unknown = {component: [_UNKNOWN] * 64 for component in frame.components}
        return True

    def _accepts_scan(self, scan: Segment) -> bool:
        body = scan.body
        if self.frame is None or not body or len(body) != 4 + 2 * body[0]:
            return False
        count = len(scan.components)
        if not count or len(self.unknown.keys() & set(scan.components)) != count:
            return False
        return self._continues(scan) and self._needed_tables(scan, self.frame) <= self.tables

    def _continues(self, scan: Segment) -> bool:
        """Whether a scan goes on where those before it stopped. Then note what it tells."""
        (before, after), band = scan.bits, scan.band
        is_mean = band == range(1)
        if not is_mean and not (len(scan.components) == 1 and 1 <= band.start < band.stop <= 64):
            return False
        if after > 13 or (before and after != before - 1):
            return False
        for component in scan.components:
            unknown = self.unknown[component]
            if not is_mean and unknown[0] == _UNKNOWN:
                return False
            if any(unknown[k] != (before or _UNKNOWN) for k in band):
                return False
            unknown[band.start : band.stop] = [after] * len(band)
        return True

    def _needed_tables(self, scan: Segment, frame: _Frame) -> Tables:
        """The tables that a scan refers to; the next bit of a mean is not coded by a table."""
        needed = {(TableKind.QUANTISATION, frame.quantisation(component)) for component in scan.components}
        numbers = scan.body[2:-3:2]
        if scan.band.start > 0:
            needed |= {(TableKind.AC, byte & 15) for byte in numbers}
        elif scan.bits[0] == 0:
            needed |= {(TableKind.DC, byte >> 4) for byte in numbers}
        return needed

    def left_out_bits(self, factor: int) -> int:
        """How many of the lowest bits of the frequencies of brightness are left out."""
        assert self.frame is not None
        steps = self.steps[self.frame.quantisation(self.frame.components[0])]
        step: int = max(1, *steps[1:_LOW])
        return (_MOST_LOST[factor] // step + 1).bit_length() - 1  # n bits hold up to 2^n - 1 steps

    @property
    def is_complete(self) -> bool:
        """Whether every bit of every coefficient is there; else libjpeg would smooth the whole picture."""
        return all(set(bits) == {_COMPLETE} for bits in self.unknown.values())


_LARGEST_RUN = 14
_NO_MORE_TABLE = b"\xff\xc4\0\x22\x10\0\0\0\x0f" + bytes(12) + bytes(n << 4 for n in range(_LARGEST_RUN + 1))
"""A Huffman table with codes of four bits. The code n begins a run of 2^n to 2^(n+1) - 1 blocks without more
coefficients (EOBn in ISO/IEC 10918-1, G.1.2.2); n bits tell the rest of its length."""

_NO_RESTARTS = b"\xff\xdd\0\4\0\0"


def _no_more_blocks(frame: _Frame, component: int) -> bytes:
    """A scan that says of all blocks of a component that they hold no more coefficients.

    libjpeg smooths blocks if coefficients are unknown, and it takes for known what the header of a scan names. If the
    scan stands in the place of lowest bits, libjpeg notes an unexpected progression, which is no error.
    """
    code, length, blocks = 0, 0, frame.blocks(component)
    while blocks:
        n = min(blocks.bit_length() - 1, _LARGEST_RUN)
        run = min(blocks, (2 << n) - 1)
        code = (code << 4 | n) << n | run - (1 << n)
        length += 4 + n
        blocks -= run
    filling = -length % 8
    data = ((code + 1 << filling) - 1).to_bytes((length + filling) // 8, "big")
    return b"\xff\xda\0\x08\1" + bytes([component]) + b"\0\1\x3f\0" + data.replace(b"\xff", b"\xff\0")
