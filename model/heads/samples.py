"""Training pictures of the detector: drawn crowds, changed in tone, each with its answer. All by one seed each."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from model.errors import ConfigurationError, PictureError
from model.heads.architecture import SIDE_PX
from model.heads.targets import targets
from model.images.decoding import decode
from model.synthesis.crowd import draw_crowd
from model.synthesis.palette import seeded

__all__ = ["Samples", "read_backgrounds", "sample"]

Sample = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]

_BACKGROUND_PX = 640
_GREY = 128
_SHORTEST_PX = 48


class Samples(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """The pictures of consecutive seeds without end; several processes take turns."""

    def __init__(self, first: int, backgrounds: Sequence[Image.Image]) -> None:
        self._first = first
        self._backgrounds = backgrounds

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        worker = get_worker_info()
        seed, step = (self._first + worker.id, worker.num_workers) if worker else (self._first, 1)
        while True:
            picture, answer, weight = sample(seed, self._backgrounds)
            yield torch.from_numpy(picture), torch.from_numpy(answer), torch.from_numpy(weight)
            seed += step


def read_backgrounds(folder: Path | None) -> list[Image.Image]:
    """The pictures in a folder, made small.

    Raises:
        ConfigurationError: There is no such folder, or no picture in it.
    """
    if folder is None:
        return []
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise ConfigurationError(f"{folder}: {error.strerror}") from error
    found = []
    for path in files:
        try:
            picture = decode(path.read_bytes())
        except PictureError:
            continue
        picture.thumbnail((_BACKGROUND_PX, _BACKGROUND_PX))
        found.append(picture)
    if not found:
        raise ConfigurationError(f"{folder}: no picture in it can be read")
    return found


def sample(seed: int, backgrounds: Sequence[Image.Image] = ()) -> Sample:
    """Draw one picture in the middle of a grey square, with its answer, see `targets`.

    Returns:
        `(SIDE_PX, SIDE_PX, 3)` uint8, and the two arrays of `targets`.
    """
    rng = seeded("head sample", seed)
    aspect = rng.choice((1.0, 1.0, rng.uniform(0.5, 1.0), rng.uniform(1.0, 1.9)))
    wide = SIDE_PX if aspect >= 1 else max(_SHORTEST_PX, round(SIDE_PX * aspect))
    high = SIDE_PX if aspect <= 1 else max(_SHORTEST_PX, round(SIDE_PX / aspect))
    crowd = draw_crowd(seed, (wide, high), backgrounds)
    pixels = _toned(_coarse(crowd.picture, rng), rng)
    boxes = np.array(crowd.heads, np.float32).reshape(-1, 4) * np.array([wide, high, wide, high], np.float32)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
        boxes[:, [0, 2]] = wide - boxes[:, [2, 0]]
    x, y = (SIDE_PX - wide) // 2, (SIDE_PX - high) // 2
    square = np.full((SIDE_PX, SIDE_PX, 3), _GREY, np.uint8)
    square[y : y + high, x : x + wide] = np.round(255 * pixels)
    answer, weight = targets(boxes + np.array([x, y, x, y], np.float32), SIDE_PX)
    return square, answer, weight


def _coarse(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Some pictures with fewer pixels, as small files have."""
    if rng.random() >= 0.25:
        return picture
    share = rng.uniform(0.3, 0.8)
    small = picture.resize(
        (max(8, int(picture.width * share)), max(8, int(picture.height * share))), Image.Resampling.BILINEAR
    )
    return small.resize(picture.size, Image.Resampling.BILINEAR)


def _toned(picture: Image.Image, rng: random.Random) -> NDArray[np.float32]:
    """Strong changes of tone: `(h, w, 3)` float32, 0..1. The head must be found by its form."""
    pixels = np.asarray(picture).astype(np.float32) / 255
    if rng.random() < 0.15:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    elif rng.random() < 0.15:
        pixels = pixels[:, :, rng.sample(range(3), 3)]
    if rng.random() < 0.5:
        pixels = np.clip(pixels, 1e-4, 1) ** np.float32(math.exp(rng.gauss(0, 0.35)))
    if rng.random() < 0.4:
        tint = np.array([rng.random() for _ in range(3)], np.float32)
        pixels = pixels * np.float32(rng.uniform(0.5, 1.0)) + np.float32(rng.uniform(0, 0.4)) * tint
    if rng.random() < 0.3:
        noise = np.random.default_rng(rng.getrandbits(64)).normal(0, rng.uniform(0.01, 0.05), pixels.shape)
        pixels = pixels + noise.astype(np.float32)
    return np.clip(pixels, 0, 1)
