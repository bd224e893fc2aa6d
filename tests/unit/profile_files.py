"""ICC profiles by hand: of screens with other colours than sRGB, of grey, and of a press."""

from __future__ import annotations

import itertools
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

D50 = (0.9642, 1.0, 0.8249)

PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
"""Red, green and blue of ProPhoto by their chromaticities; its white is D50."""

_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""sRGB, linear, to XYZ under D50."""


def matrix_of(primaries: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """Linear RGB to XYZ, for primaries under D50."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    return columns * np.linalg.solve(columns, np.array(D50))


def rgb_profile(primaries: tuple[tuple[float, float], ...] = PROPHOTO, gamma: float = 1.8) -> bytes:
    """A screen with those primaries and that gamma."""
    matrix = matrix_of(primaries)
    curve = _curve(gamma)
    tags = {b"wtpt": _xyz(D50), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {name: _xyz(tuple(matrix[:, k])) for k, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """Grey with that gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def cmyk_profile() -> bytes:
    """A press whose inks are less than pure, on a grid of 3 steps of each ink."""
    inks = np.array([[0.25, 0.5, 0.75], [0.75, 0.2, 0.45], [0.85, 0.75, 0.15], [0.12, 0.12, 0.12]])  # linear sRGB
    grid = bytearray()
    for amounts in itertools.product((0.0, 0.5, 1.0), repeat=4):
        light = np.prod([1 - a * (1 - ink) for a, ink in zip(amounts, inks, strict=True)], axis=0)
        lightness, a, b = _lab(_SRGB @ light)
        grid += bytes(round(min(255, max(0, v))) for v in (lightness * 2.55, a + 128, b + 128))
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 3, 0]) + struct.pack(">9i", *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    table += straight * 4 + bytes(grid) + straight * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table, b"A2B1": table})


def as_stored(
    image: Image.Image, primaries: tuple[tuple[float, float], ...] = PROPHOTO, gamma: float = 1.8
) -> Image.Image:
    """A picture in sRGB, by the numbers that mean the same under `rgb_profile`; computed here, not by littlecms."""
    values = np.asarray(image.convert("RGB")).astype(np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    other = linear @ (np.linalg.inv(matrix_of(primaries)) @ _SRGB).T
    return Image.fromarray(np.rint(255 * np.clip(other, 0, 1) ** (1 / gamma)).astype(np.uint8))


def _lab(xyz: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / np.array(D50))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _profile(device: bytes, colours: bytes, between: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(4 + 4 + 2 + 1 + 67 + 4)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content
    head = (
        struct.pack(">I4sI4s4s4s", 0, b"test", 0x02400000, device, colours, between) + bytes(12) + b"acsp" + bytes(28)
    )
    head += b"".join(map(_fixed, D50))
    head = struct.pack(">I", start + len(body)) + head[4:].ljust(124, b"\0")
    return head + table + body
