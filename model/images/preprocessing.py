"""From a picture to the square of pixels that the network takes.

A preprocessing is known by its version, a short string such as `v2-pad-128`; it stands in every weights file and beside
every embedding, because vectors of two preprocessings must never be compared. The number in front is its
major version:

    v1   every pixel is decoded by Pillow, turned upright, laid on white, and scaled in one step: the plain way
    v2   the same within a stated bound, several times faster (docs/performance.md): a JPEG is decoded at 1/2, 1/4 or
         1/8, to not less than twice the square; large pictures are averaged to not less than twice the square before
         they are scaled; turning and white come last, when there is little left to turn
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import UnreadablePicture, WeightsError
from model.images.colour_profile import Conversion
from model.images.decoding import Limits, Stored, decode, read

__all__ = ["Fit", "Jpegs", "Preprocessing"]

Fit = Literal["pad", "stretch"]
Jpegs = Callable[[bytes, tuple[int, int]], Image.Image | None]
"""Another decoder for large JPEGs: content, and width and height to scale to as v1 does, to a picture of that size in
mode RGB, not turned; None where it leaves the file to Pillow."""

Family = Literal[1, 2]
_VERSION = re.compile(r"v([12])-(pad|stretch)-([1-9][0-9]{1,3})")
_BACKGROUND = (255, 255, 255)
_BILINEAR = Image.Resampling.BILINEAR

_GAP = 2
"""How many pixels of the picture are left for each of the square, along a side, before it is scaled with care."""


@dataclass(frozen=True)
class Preprocessing:
    """How a picture of any shape becomes a square.

    Attributes:
        fit: `pad` keeps the shape and fills up with white; `stretch` fills the square, as the seed implementation does.
        size_px: Side of the square, 10..9999.
        major_version: 1 is the plain way, 2 the quick one.
    """

    fit: Fit = "pad"
    size_px: int = 128
    major_version: Family = 2

    def __post_init__(self) -> None:
        if not 10 <= self.size_px <= 9999:
            raise ValueError(f"a square of {self.size_px} pixels: the side must be 10 to 9999")

    @property
    def version(self) -> str:
        """The name under which embeddings made this way may be compared, e.g. `v2-pad-128`."""
        return f"v{self.major_version}-{self.fit}-{self.size_px}"

    @classmethod
    def from_version(cls, version: str) -> Preprocessing:
        """Read a version string back.

        Raises:
            WeightsError: This program does not know that version (it is newer, or not ours).
        """
        match = _VERSION.fullmatch(version)
        if match is None:
            raise WeightsError(f"unknown preprocessing version {version!r}: a newer Oshiwake may know it")
        return cls(cast(Fit, match[2]), int(match[3]), cast(Family, int(match[1])))

    def read(self, data: bytes, *, limits: Limits | None = None, jpegs: Jpegs | None = None) -> NDArray[np.uint8]:
        """Make the square of a picture file's content: `(size_px, size_px, 3)` uint8, antialiased bilinear.

        Args:
            data: The whole content of the file.
            limits: Refuse what is larger than this.
            jpegs: What may decode the JPEGs that would be decoded at a fraction of their size.

        Raises:
            UnsupportedPicture: The content is no picture of a format that this installation reads.
            UnreadablePicture: The picture is damaged, empty or larger than the limits.
        """
        if self.major_version == 1:
            return self(decode(data, limits=limits))

        def scaled(size: tuple[int, int]) -> Image.Image | None:
            return jpegs and jpegs(data, self._target(size))

        try:
            stored = read(data, limits=limits, shrink=self.shrink, scaled=scaled)
        except UnreadablePicture:
            return self(decode(data, limits=limits))  # so that a broken file has one outcome and one reason
        small = _small_in_srgb(stored) if stored.scaled else self._scaled(stored.image, stored.size, stored.conversion)
        return self._framed(small if stored.turn is None else small.transpose(stored.turn))

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """Make the square of an upright RGB picture: `(size_px, size_px, 3)` uint8, antialiased bilinear."""
        return self._framed(self._scaled(picture, picture.size))

    def shrink(self, size: tuple[int, int]) -> int:
        """By how much a reader may divide the sides of a picture, so that enough is left to scale with care."""
        side = min(size) if self.fit == "stretch" else max(size)
        return next((factor for factor in (8, 4, 2) if side >= factor * _GAP * self.size_px), 1)

    def _scaled(self, image: Image.Image, size: tuple[int, int], conversion: Conversion | None = None) -> Image.Image:
        """Scale a picture, whose whole size may be a multiple of what was read, to fit into the square; mode RGB."""
        target = self._target(size)
        if self.major_version == 1:
            return image.resize(target, _BILINEAR)
        factor = round(max(size) / max(image.size))
        box = (0.0, 0.0, size[0] / factor, size[1] / factor)  # without what rounding up has added at the edges
        if image.mode == "RGBA":
            small = image.convert("RGBa").resize(target, _BILINEAR, box, reducing_gap=_GAP)
            return _on_white(small if conversion is None else conversion(small.convert("RGBA")).convert("RGBa"))
        small = image.resize(target, _BILINEAR, box, reducing_gap=_GAP)
        return small.convert("RGB") if conversion is None else conversion(small)

    def _target(self, size: tuple[int, int]) -> tuple[int, int]:
        if self.fit == "stretch":
            return self.size_px, self.size_px
        scale = self.size_px / max(size)
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def _framed(self, small: Image.Image) -> NDArray[np.uint8]:
        """Put a scaled picture into the middle of a white square."""
        side = self.size_px
        if small.size == (side, side):
            return np.asarray(small)
        square = Image.new("RGB", (side, side), _BACKGROUND)
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
        return np.asarray(square)


def _small_in_srgb(stored: Stored) -> Image.Image:
    return stored.image if stored.conversion is None else stored.conversion(stored.image)


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with premultiplied opacity (mode RGBa) on white."""
    values = np.asarray(image)
    clear = 255 - values[:, :, 3:]
    return Image.fromarray(values[:, :, :3] + np.minimum(clear, 255 - values[:, :, :3]))
