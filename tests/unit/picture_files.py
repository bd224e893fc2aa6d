"""Picture files by hand and by Pillow, and how their pixels are compared."""

from __future__ import annotations

import functools
import importlib.util
import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.images.decoding import decode

WHITE, BLACK, RED, GREEN, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)
LOSSLESS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
}
FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
    "heic": "HEIF",
    "jxl": "JXL",
}
PLUGINS = {"heic": "pillow_heif", "jxl": "pillow_jxl"}


def need(name: str) -> None:
    """Skip the test where the plug-in of a format is not installed; else make Pillow able to write the format."""
    if name not in PLUGINS:
        return
    if importlib.util.find_spec(PLUGINS[name]) is None:
        pytest.skip(f"{PLUGINS[name]} is not installed")
    module = importlib.import_module(PLUGINS[name])
    if name == "heic":
        module.register_heif_opener()


def encode(image: Image.Image, pillow_format: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, pillow_format, **{**LOSSLESS.get(pillow_format, {}), **options})
    return file.getvalue()


def one_colour(colour: tuple[int, int, int], size: tuple[int, int] = (20, 30)) -> bytes:
    """A PNG of one colour."""
    return encode(Image.new("RGB", size, colour), "PNG")


@functools.cache
def quarters() -> Image.Image:
    """48 x 32 pixels, a colour per quarter: every turn and flip of it differs."""
    image = Image.new("RGB", (48, 32), WHITE)
    image.paste(RED, (0, 0, 24, 16))
    image.paste(GREEN, (24, 0, 48, 16))
    image.paste(BLUE, (0, 16, 24, 32))
    return image


@functools.cache
def example(name: str) -> bytes:
    """A file of that format, drawn once."""
    return encode(quarters(), FORMATS[name])


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours near the four corners: top left, top right, bottom left, bottom right."""
    right, bottom = image.width - 5, image.height - 5
    return [image.getpixel(place) for place in ((4, 4), (right, 4), (4, bottom), (right, bottom))]  # type: ignore[misc]


def near(found: Sequence[tuple[int, ...]], wanted: Sequence[tuple[int, ...]], by: int = 12) -> bool:
    """Whether colours agree but for the losses of a format."""
    return bool(np.abs(np.subtract(found, wanted, dtype=int)).max() <= by)


def pixels(data: bytes) -> list[list[int]]:
    """The first row of a decoded picture, whose mode must be RGB."""
    picture = decode(data)
    assert picture.mode == "RGB"
    row: list[list[int]] = np.asarray(picture)[0].tolist()
    return row


def grey(*tones: int) -> list[list[int]]:
    """A row of grey pixels."""
    return [[tone] * 3 for tone in tones]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand, for the kinds that Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
