"""Picture files to measure with: drawn characters as large as photographs, with the grain of a scan."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model.synthesis import Identity, draw

__all__ = ["MIX", "SIZE", "picture_file", "write_archive"]

SIZE = (2048, 1536)
"""Three megapixels."""

MIX = ("jpeg",) * 14 + ("png",) * 4 + ("png alpha",) + ("webp",)
"""70 % JPEG, 25 % PNG, 5 % WebP."""


def picture_file(kind: str, n: int, size: tuple[int, int] = SIZE) -> bytes:
    """The content of the nth picture file of a kind: jpeg, progressive, png, png alpha, png smooth or webp."""
    drawn = draw(Identity.from_seed(n), n, size_px=512, aspect=size[0] / size[1]).resize(size, Image.Resampling.BICUBIC)
    picture = drawn if kind == "png smooth" else _grained(drawn, n)
    if kind == "png alpha":
        picture.putalpha(picture.convert("L"))
    options: dict[str, dict[str, Any]] = {
        "jpeg": {"format": "JPEG", "quality": 90},
        "progressive": {"format": "JPEG", "quality": 90, "progressive": True},
        "webp": {"format": "WEBP", "quality": 85},
    }
    file = io.BytesIO()
    picture.save(file, **options.get(kind, {"format": "PNG"}))
    return file.getvalue()


def _grained(picture: Image.Image, seed: int) -> Image.Image:
    """Coarse and fine noise over the picture, as paper and sensors leave it."""
    random = np.random.default_rng(seed)
    width, height = picture.size
    coarse = Image.fromarray(random.normal(128, 24, (height // 4, width // 4)).clip(0, 255).astype(np.uint8))
    grain = np.asarray(coarse.resize(picture.size, Image.Resampling.BICUBIC)).astype(np.int16) // 2 - 64
    fine = random.normal(0, 4, (height, width)).astype(np.int16)
    values = np.asarray(picture).astype(np.int16) + (grain + fine)[..., None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def write_archive(folder: Path, kinds: tuple[str, ...], images: int, *, different: int = 24) -> list[Path]:
    """Write an archive of so many files, their kinds in turn, and so many different ones of each; others are links."""
    first: dict[tuple[str, int], Path] = {}
    paths = []
    for n in range(images):
        kind, which = kinds[n % len(kinds)], n // len(kinds) % different
        path = folder / f"{n // 1000:03}" / f"{n:06}.{kind.split()[0]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if (kind, which) in first:
            path.hardlink_to(first[kind, which])
        else:
            first[kind, which] = path
            path.write_bytes(picture_file(kind, which))
        paths.append(path)
    return paths
