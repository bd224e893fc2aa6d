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
from model.images.constants import BACKGROUND
from model.images.decoding import Limits, Stored, decode, read

__all__ = ["Fit", "Jpegs", "Preprocessing", "thumbnail_size"]

Fit = Literal["pad", "stretch"]
Jpegs = Callable[[bytes, tuple[int, int]], Image.Image | None]
"""Another decoder for large JPEGs: content, and width and height to scale to as v1 does, to a picture of that size in
mode RGB, not turned; None where it leaves the file to Pillow."""

Family = Literal[1, 2]
_VERSION = re.compile(r"v([12])-(pad|stretch)-([1-9][0-9]{1,3})")
_BILINEAR = Image.Resampling.BILINEAR

_GAP = 2
"""How many pixels of the picture are left for each of the square, along a side, before it is scaled with care."""

_LONG_PX, _SHORT_PX, _LONGEST_PX = 448, 224, 3584
_Size = tuple[int, int]


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
        return self._framed(self._read(data, self._square, limits, jpegs))

    def read_thumbnail(
        self, data: bytes, *, limits: Limits | None = None, jpegs: Jpegs | None = None
    ) -> NDArray[np.uint8]:
        """Make a small upright copy of a picture file's content: `(height, width, 3)` uint8, see `thumbnail_size`.

        Squares of the whole picture and of heads in it are made from the copy. It takes and raises what `read` does.
        """
        return np.asarray(self._read(data, _THUMBNAIL, limits, jpegs))

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """Make the square of an upright RGB picture: `(size_px, size_px, 3)` uint8, antialiased bilinear."""
        return self._framed(self._scaled(picture, picture.size, self._square))

    def shrink(self, size: _Size) -> int:
        """By how much a reader may divide the sides of a picture, so that enough is left to scale with care."""
        return _divisor(min(size) if self.fit == "stretch" else max(size), _GAP * self.size_px)

    @property
    def _square(self) -> _Scale:
        return _Scale(self._target, self.shrink, _GAP)

    def _read(self, data: bytes, scale: _Scale, limits: Limits | None, jpegs: Jpegs | None) -> Image.Image:
        """A picture file's content, upright and scaled; mode RGB."""

        def plain() -> Image.Image:
            picture = decode(data, limits=limits)
            return self._scaled(picture, picture.size, scale)

        def scaled(size: _Size) -> Image.Image | None:
            return jpegs and jpegs(data, scale.target(size))

        if self.major_version == 1:
            return plain()
        try:
            stored = read(data, limits=limits, shrink=scale.shrink, scaled=scaled)
        except UnreadablePicture:
            return plain()  # so that a broken file has one outcome and one reason
        if stored.scaled:
            small = _small_in_srgb(stored)
        else:
            small = self._scaled(stored.image, stored.size, scale, stored.conversion)
        return small if stored.turn is None else small.transpose(stored.turn)

    def _scaled(
        self, image: Image.Image, size: _Size, scale: _Scale, conversion: Conversion | None = None
    ) -> Image.Image:
        """Scale a picture, whose whole size may be a multiple of what was read; mode RGB."""
        target, gap = scale.target(size), scale.gap
        if self.major_version == 1:
            return image.resize(target, _BILINEAR)
        factor = round(max(size) / max(image.size))
        box = (0.0, 0.0, size[0] / factor, size[1] / factor)  # without what rounding up has added at the edges
        if image.mode == "RGBA":
            small = image.convert("RGBa").resize(target, _BILINEAR, box, reducing_gap=gap)
            return _on_white(small if conversion is None else conversion(small.convert("RGBA")).convert("RGBa"))
        small = image.resize(target, _BILINEAR, box, reducing_gap=gap)
        return small.convert("RGB") if conversion is None else conversion(small)

    def _target(self, size: _Size) -> _Size:
        if self.fit == "stretch":
            return self.size_px, self.size_px
        scale = self.size_px / max(size)
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def _framed(self, small: Image.Image) -> NDArray[np.uint8]:
        """Put a scaled picture into the middle of a white square."""
        side = self.size_px
        if small.size == (side, side):
            return np.asarray(small)
        square = Image.new("RGB", (side, side), BACKGROUND)
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
        return np.asarray(square)


def thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the small copy of a picture of that width and height.

    Its long side has at most 448 pixels, but its short side has at least 224 where the picture has them: the heads of a
    long strip are as large as those of a page. No side has more than 3584 pixels, and nothing is made larger.
    """
    scale = max(_LONG_PX / max(size), _SHORT_PX / min(size))
    scale = min(1.0, scale, _LONGEST_PX / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _divisor(side: int, wanted: int) -> int:
    """The largest of 1, 2, 4 and 8 by which a side may be divided and still have the wanted pixels."""
    return next((factor for factor in (8, 4, 2) if side >= factor * wanted), 1)


@dataclass(frozen=True)
class _Scale:
    """To which size a picture is scaled, told its own; what its reader may divide it by; and `reducing_gap`."""

    target: Callable[[_Size], _Size]
    shrink: Callable[[_Size], int]
    gap: int


_THUMBNAIL = _Scale(thumbnail_size, lambda size: _divisor(max(size), max(thumbnail_size(size))), 1)


def _small_in_srgb(stored: Stored) -> Image.Image:
    return stored.image if stored.conversion is None else stored.conversion(stored.image)


def _on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with premultiplied opacity (mode RGBa) on white."""
    values = np.asarray(image)
    clear = 255 - values[:, :, 3:]
    return Image.fromarray(values[:, :, :3] + np.minimum(clear, 255 - values[:, :, :3]))
