"""Small files that ask their decoders for much memory, and what reading them takes, told by a process of its own.

    python -m tests.unit.hostile_pictures FOLDER LIMIT

reads every file of the folder and prints, as JSON, by how many MiB the process has grown at most for each, and how it
ended.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from model.errors import PictureError
from model.images.decoding import Limits, decode
from tests.unit.picture_files import FORMATS, chunk, encode, example, need, png, quarters


def gif(screen: tuple[int, int], *frames: tuple[int, int, int]) -> bytes:
    """A GIF of frames of width, height and disposal."""
    data = b"GIF89a" + struct.pack("<HH", *screen) + b"\0\0\0"
    for width, height, disposal in frames:
        data += b"!\xf9\4" + bytes([disposal << 2, 0, 0, 0, 0])
        data += b"," + struct.pack("<4HB", 0, 0, width, height, 0) + b"\2\2\x4c\1\0"
    return data + b";"


Tag = tuple[int, int, int, int, bool]
"""Number, type, count, value, and whether the value is a place behind the directory."""


def tiff(tags: Sequence[Tag], behind: bytes = b"") -> bytes:
    """A TIFF of one directory."""
    end = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", t, k, n, v + end * there) for t, k, n, v, there in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + behind


def _grey(compression: int) -> list[Tag]:
    sizes: list[Tag] = [(tag, 4, 1, 64, False) for tag in (256, 257)]
    return [*sizes, (258, 3, 1, 8, False), (259, 3, 1, compression, False), (262, 3, 1, 1, False)]


def bombs() -> Iterator[tuple[str, bytes]]:
    """What each asks for, and a file of less than 2 MB."""
    huge = (65535, 65535, 2)
    yield "gif: screen", gif((65535, 65535), huge)
    yield "gif: first frame", gif((1, 1), huge)
    yield "gif: second frame", gif((1, 1), (1, 1, 2), huge, huge)
    yield "gif: previous picture", gif((1, 1), (1, 1, 3), (65535, 65535, 3), huge)
    yield "gif: frames", gif((1000, 1000), *[(1000, 1000, 2)] * 2000)
    packed = zlib.compress(bytes(200 << 20), 9)
    for name, content in (
        ("text", chunk(b"zTXt", b"a\0\0" + packed)),
        ("international text", chunk(b"iTXt", b"a\0\1\0\0\0" + packed)),
        ("profile", chunk(b"iCCP", b"a\0\0" + packed)),
        ("texts", b"".join(chunk(b"zTXt", b"%d\0\0" % n + zlib.compress(bytes(10**6))) for n in range(300))),
    ):
        yield f"png: {name}", png(4, 4, 8, 2, bytes(52), content)
    whole = png(4, 4, 8, 2, b"")
    data = whole[:33] + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    yield "png: pixels", data
    yield "png: pixels, cut off", data[:-100]
    for compression in (1, 5, 8, 32773):
        places: list[Tag] = [(324, 4, 1, 0, True), (325, 4, 1, len(packed), False)]
        tile: list[Tag] = [(322, 4, 1, 16384, False), (323, 4, 1, 16384, False)]
        yield f"tiff: tile {compression}", tiff(_grey(compression) + tile + places, packed)
        strip: list[Tag] = [(273, 4, 1, 0, True), (278, 4, 1, 0x7FFFFFFF, False), (279, 4, 1, len(packed), False)]
        yield f"tiff: strip {compression}", tiff(_grey(compression) + strip, packed)
        long: list[Tag] = [(273, 4, 1, 0, True), (278, 4, 1, 64, False), (279, 4, 1, 0x7FFFFFFF, False)]
        yield f"tiff: bytes of a strip {compression}", tiff(_grey(compression) + long, bytes(900))
    block = bytes(400_000)
    overlapping: list[Tag] = [(40000 + n, 7, len(block), 0, True) for n in range(3000)]
    strips: list[Tag] = [(273, 4, 1, 0, True), (278, 4, 1, 64, False), (279, 4, 1, 4096, False)]
    yield "tiff: tags", tiff(_grey(1) + strips + overlapping, block)
    yield "tiff: numbers", tiff(_grey(1) + strips + [(282, 5, 10_000_000, 0, True)], block)
    block = tiff([(274, 3, 1, 6, False), *overlapping[:900]], block)
    for pillow_format in ("PNG", "WEBP", "AVIF"):
        with warnings.catch_warnings(action="ignore"):  # who writes an AVIF looks into the block
            data = encode(quarters(), pillow_format, exif=b"Exif\0\0" + block)
        yield f"{pillow_format}: exif", data
    parts = [block[at : at + 65000] for at in range(0, len(block), 65000)]
    app1 = b"".join(b"\xff\xe1" + struct.pack(">H", 8 + len(part)) + b"Exif\0\0" + part for part in parts)
    jpeg = example("jpeg")
    yield "jpeg: exif", jpeg[:2] + app1 + jpeg[2:]
    head = struct.pack("<IiiHHIIiiII", 40, 1_000_000, 1, 1, 8, 1, 0, 0, 0, 256, 0)
    yield "bmp: runs", b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + head + bytes(1024) + b"\0\2\0\xff" * 999
    canvas = b"\x0a\0\0\0\2\0\0\0" + b"\xff\x3f\0\xff\x3f\0" + b"ANIM\6\0\0\0\0\0\0\0\0\0"
    yield "webp: canvas", b"RIFF" + struct.pack("<I", 12 + len(canvas)) + b"WEBPVP8X" + canvas


def mutations() -> Iterator[tuple[str, bytes]]:
    """Every small file with large numbers, zeros and ones at each place of its first 300 bytes."""
    for name in FORMATS:
        need(name)
        data = example(name)
        for at in range(2, min(len(data), 300)):
            for number in (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0", b"\xff\x7f", b"\xff", b"\0"):
                yield f"{name}: {number.hex()} at {at}", data[:at] + number + data[at + len(number) :]


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


def _read(data: bytes, limit: int) -> str:
    try:
        return "x".join(map(str, decode(data, limits=Limits(max_pixels=limit)).size))
    except PictureError as error:
        return f"refused: {error}"


def main(folder: Path, limit: int) -> None:
    """Read the files, in order of their names."""
    for name in FORMATS:  # decoders take what they keep
        need(name)
        _read(example(name), limit)
    found = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        before = _peak_mib()
        ended = _read(data, limit)
        found[path.name] = (round(_peak_mib() - before), ended)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
