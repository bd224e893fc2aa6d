"""Where training and measuring get pictures from: files of a manifest, or characters drawn on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from model.errors import UnreadablePicture
from model.picture import decode
from model.training.config import DataConfig

__all__ = ["DEVELOPMENT_SEED", "DrawnSource", "FileSource", "Source"]

DEVELOPMENT_SEED = 1_000_000_000
"""Seeds of the drawn characters to measure on begin here; training characters lie below."""

_TEST_SEED = 1_500_000_000


class Source(Protocol):
    """Gives the picture number `picture` of the character number `label`."""

    def load(self, label: int, picture: int) -> Image.Image:
        """Read or draw it, in mode RGB.

        Raises:
            PictureError: It cannot be read; the message names it.
        """
        ...


@dataclass(frozen=True)
class FileSource:
    """Pictures in files; the number of a picture is its place in `paths`, whatever its character."""

    paths: Sequence[Path]

    def load(self, label: int, picture: int) -> Image.Image:
        """Read one file."""
        path = self.paths[picture]
        try:
            return decode(path.read_bytes())
        except OSError as error:
            raise UnreadablePicture(error.strerror or str(error)) from error


@dataclass(frozen=True)
class DrawnSource:
    """Characters drawn by the package's own generator; nothing is stored.

    Attributes:
        first: Seed of the character number 0.
        block: So many neighbours may share a colour scheme.
        schemes_shared: Share of the blocks that do.
        size_px: Side of the drawn square.
    """

    first: int
    block: int
    schemes_shared: float
    size_px: int

    @classmethod
    def from_config(cls, config: DataConfig, size_px: int, *, first: int | None = None) -> DrawnSource:
        """The training characters, or with `first` others made in the same way."""
        first = config.first_identity if first is None else first
        return cls(first, config.block, config.schemes_shared, config.draw_px or size_px)

    def load(self, label: int, picture: int) -> Image.Image:
        """Draw one picture; the same numbers give the same pixels."""
        from model.synthesis import Identity, draw

        return draw(Identity.from_seed(self.first + label, scheme=self._scheme(label)), picture, size_px=self.size_px)

    def _scheme(self, label: int) -> int | None:
        number = self.first // self.block + label // self.block
        shared = np.random.default_rng([number, 7]).random() < self.schemes_shared
        return number if shared else None
