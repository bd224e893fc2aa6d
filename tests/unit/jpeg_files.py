"""JPEGs, plain and odd ones."""

from __future__ import annotations

import functools
import io
import struct

import numpy as np
from PIL import Image

from model.synthesis import Identity, draw


@functools.cache
def picture(seed: int) -> Image.Image:
    """A drawn character with the grain of a scan."""
    drawn = np.asarray(draw(Identity.from_seed(seed), seed, size_px=600, aspect=0.77)).astype(np.int16)
    grain = np.random.default_rng(seed).normal(0, 5, (*drawn.shape[:2], 1))
    return Image.fromarray((drawn + grain.astype(np.int16)).clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, **options: object) -> bytes:
    """The bytes of a JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    """An EXIF block that says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def with_segment(marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment at its beginning."""
    whole = encode(picture(1))
    return whole[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + whole[2:]


def too_long() -> bytes:
    """A JPEG whose header says that it is 65,520 pixels high."""
    whole = bytearray(encode(picture(1)))
    at = whole.index(b"\xff\xc0\0\x11\x08") + 5
    whole[at : at + 2] = b"\xff\xf0"
    return bytes(whole)


def several_scans() -> bytes:
    """A baseline JPEG whose scan header names one component of three: the others would follow in their own scans."""
    whole = encode(picture(1))
    at = whole.index(b"\xff\xda\0\x0c\3")
    return whole[:at] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + whole[at + 14 :]
