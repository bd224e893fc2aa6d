"""Datasets: files of a manifest, or characters drawn on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from model.errors import UnreadablePicture
from model.images.decoding import decode
from model.training.config import DataConfig

if TYPE_CHECKING:
    from model.synthesis import Identity
    from model.synthesis.scene import Variety

__all__ = ["DEVELOPMENT_SEED", "DrawnDataset", "FileDataset", "PictureDataset"]

"""Reads a whole file, or raises OSError."""

DEVELOPMENT_SEED = 1_000_000_000
"""First seed of drawn characters for validation; those for training are lower."""


class PictureDataset(Protocol):
    """Maps a character number and a picture number to a picture."""

    def load(self, label: int, picture: int) -> Image.Image:
        """Read or draw it, in mode RGB.

        Raises:
            PictureError: It cannot be read.
        """
        ...

    def name(self, label: int, picture: int) -> str:
        """Its name for a person."""
        ...


@dataclass(frozen=True)
class FileDataset:
    """Pictures in files; the number of a picture is its index in `paths`.

    Attributes:
        paths: The files.
    """

    paths: Sequence[Path]

    def load(self, label: int, picture: int) -> Image.Image:
        """Read one file."""
        path = self.paths[picture]
        try:
            return decode(path.read_bytes())
        except OSError as error:
            raise UnreadablePicture(error.strerror or str(error)) from error

    def name(self, label: int, picture: int) -> str:
        """The path."""
        return str(self.paths[picture])


@dataclass(frozen=True)
class DrawnDataset:
    """Characters drawn by `model.synthesis`; nothing is stored.

    Attributes:
        first: Seed of the character number 0.
        block: Number of consecutive characters that may share a colour scheme.
        schemes_shared: Share of the blocks that share one.
        size_px: The longer side.
        aspect: Largest ratio of the sides; every other picture is a square.
        gentle: Share of pictures with little variation; the rest have the full variety.
    """

    first: int
    block: int
    schemes_shared: float
    size_px: int
    aspect: float = 1.0
    gentle: float = 0.0

    def name(self, label: int, picture: int) -> str:
        """Its numbers, for a person."""
        return f"drawn character {label}, picture {picture}"

    @classmethod
    def from_config(cls, config: DataConfig, size_px: int, *, first: int | None = None) -> DrawnDataset:
        """The training characters, or with `first` others of the same mix."""
        first = config.first_identity if first is None else first
        return cls(first, config.block, config.schemes_shared, config.draw_px or size_px, config.aspect, config.gentle)

    def load(self, label: int, picture: int) -> Image.Image:
        """Draw a picture; the same numbers give the same pixels."""
        from model.synthesis import draw

        aspect = self._aspect(picture)
        height = self.size_px if aspect <= 1 else round(self.size_px / aspect)
        variety: Variety = "gentle" if np.random.default_rng([picture, 13]).random() < self.gentle else "full"
        return draw(self.identity(label), picture, size_px=height, aspect=aspect, variety=variety)

    def identity(self, label: int) -> Identity:
        """The character number `label`."""
        return _identity(self.first + label, self._scheme(label))

    def _aspect(self, picture: int) -> float:
        """Width divided by height."""
        rng = np.random.default_rng([picture, 11])
        free = float(self.aspect ** rng.uniform(-1, 1))
        return free if rng.random() < 0.5 else 1.0

    def _scheme(self, label: int) -> int | None:
        number = self.first // self.block + label // self.block
        shared = np.random.default_rng([number, 7]).random() < self.schemes_shared
        return number if shared else None


@lru_cache(maxsize=256)
def _identity(seed: int, scheme: int | None) -> Identity:
    """The character of a seed, cached for the pictures of a batch."""
    from model.synthesis import Identity

    return Identity.from_seed(seed, scheme=scheme)
