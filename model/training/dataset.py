"""Datasets: files of a manifest, or characters drawn on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from model.errors import UnreadablePicture
from model.heads.detector import WHOLE
from model.images.crops import crop
from model.images.decoding import decode
from model.training.config import DataConfig

if TYPE_CHECKING:
    from model.synthesis import Identity
    from model.synthesis.scene import Scene, Variety

__all__ = ["DEVELOPMENT_SEED", "DrawnDataset", "FileDataset", "PictureDataset"]

"""Reads a whole file, or raises OSError."""

DEVELOPMENT_SEED = 1_000_000_000
"""First seed of drawn characters for validation; those for training are lower."""

_HEAD_LARGER = 1.5
"""A picture of which the head is cut out is drawn by so much larger."""

_OFF, _LARGER = 0.05, 0.09
"""Deviation of a head's box: of its middle, as a share of its sides, and of the logarithms of its sides."""


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
        mix: What the characters share, and how their pictures vary.
        size_px: The longer side.
    """

    first: int
    mix: DataConfig
    size_px: int

    def name(self, label: int, picture: int) -> str:
        """Its numbers, for a person."""
        return f"drawn character {label}, picture {picture}"

    @classmethod
    def for_training(cls, config: DataConfig, size_px: int) -> DrawnDataset:
        """The training characters."""
        return cls(config.first_identity, config, config.draw_px or size_px)

    @classmethod
    def for_measuring(cls, config: DataConfig, size_px: int, first: int) -> DrawnDataset:
        """Characters from the seed `first` on, of the same mix, whole and in their own clothes and rooms."""
        plain = config.model_copy(update={"heads": 0.0, "costumes": 0.0, "uniforms": 0.0, "rooms": 0.0})
        return cls(first, plain, config.draw_px or size_px)

    def load(self, label: int, picture: int) -> Image.Image:
        """Draw a picture; the same numbers give the same pixels."""
        kind, mix = _chance(picture, 13), self.mix
        variety: Variety = "gentle" if kind < mix.gentle else "wide" if kind > 1 - mix.wide else "full"
        head = _chance(picture, 17) < mix.heads
        scene = self._scene(label, picture, variety, round(_HEAD_LARGER * self.size_px) if head else self.size_px)
        return _head_view(scene, self.size_px, picture) if head else scene.picture

    def _scene(self, label: int, picture: int, variety: Variety, longer_px: int) -> Scene:
        from model.synthesis.scene import draw_scene

        aspect = self._aspect(picture)
        return draw_scene(
            self.identity(label),
            picture,
            longer_px if aspect <= 1 else round(longer_px / aspect),
            variety,
            aspect,
            room=self._room(label, picture),
            costume=_chance(picture, 23) < self.mix.costumes,
        )

    def identity(self, label: int) -> Identity:
        """The character number `label`."""
        block = self._block(label)
        alike = _chance(block, 29) < self.mix.uniforms
        first = label // self.mix.block * self.mix.block
        return _identity(self.first + label, self._scheme(label), self.first + first if alike else None)

    def _aspect(self, picture: int) -> float:
        """Width divided by height."""
        rng = np.random.default_rng([picture, 11])
        free = float(self.mix.aspect ** rng.uniform(-1, 1))
        return free if rng.random() < 0.5 else 1.0

    def _block(self, label: int) -> int:
        return self.first // self.mix.block + label // self.mix.block

    def _scheme(self, label: int) -> int | None:
        number = self._block(label)
        return number if _chance(number, 7) < self.mix.schemes_shared else None

    def _room(self, label: int, picture: int) -> int | None:
        rng = np.random.default_rng([picture, 19])
        return 4 * self._block(label) + int(rng.integers(4)) if rng.random() < self.mix.rooms else None


def _chance(number: int, purpose: int) -> float:
    """A number 0..1 that follows `number`, another one for each purpose."""
    return float(np.random.default_rng([number, purpose]).random())


def _head_view(scene: Scene, size_px: int, picture: int) -> Image.Image:
    """The head of a scene as the program sees it: cut out, or the whole where the head is all there is.

    The detector's boxes are a little off, and so are these.
    """
    if scene.head is None:
        return scene.picture
    box, (width, height) = np.array(scene.head), scene.picture.size
    wide, high = box[2] - box[0], box[3] - box[1]
    if max(wide * width, high * height) >= WHOLE * min(width, height):
        return scene.picture
    rng = np.random.default_rng([picture, 31])
    middle = (box[:2] + box[2:]) / 2 + rng.normal(0.0, _OFF, 2) * (wide, high)
    half = np.exp(rng.normal(0.0, _LARGER, 2)) * (wide, high) / 2
    return Image.fromarray(crop(np.asarray(scene.picture), (*(middle - half), *(middle + half)), size_px))


@lru_cache(maxsize=256)
def _identity(seed: int, scheme: int | None, dressed_as: int | None) -> Identity:
    """The character of a seed, in the clothes of that of another seed; cached for the pictures of a batch."""
    from model.synthesis import Identity

    identity = Identity.from_seed(seed, scheme=scheme)
    if dressed_as is None:
        return identity
    return replace(identity, outfits=Identity.from_seed(dressed_as, scheme=scheme).outfits)
