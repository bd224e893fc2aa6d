"""From a picture to the input tensor of the network.

A preprocessing has a version such as `v2-pad-128` or `v2-pad-448-bicubic`. Every weights file and every embedding key
contains it, because embeddings of two preprocessings must never be compared. Its first number is the major version:

    v1   the plain way: Pillow decodes every pixel, turns the picture upright, composes it on white, and scales it in
         one step
    v2   the fast way, the same within a stated bound (docs/performance.md): a JPEG is decoded at 1/2, 1/4 or 1/8, and
         large pictures are averaged, both to at least twice the target size, before they are scaled; turning and
         compositing come last, on few pixels
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import UnreadablePicture, WeightsError
from model.images.colour_profile import Conversion
from model.images.constants import BACKGROUND
from model.images.decoding import Limits, Stored, decode, read

__all__ = ["Filter", "Fit", "Jpegs", "Preprocessing", "thumbnail_size"]

Fit = Literal["pad", "stretch"]
Filter = Literal["bilinear", "bicubic"]
Jpegs = Callable[[bytes, tuple[int, int]], Image.Image | None]
"""Another decoder for large JPEGs: from content, target width and height to a picture of that size in mode RGB, not
turned; None if Pillow should read the file."""

MajorVersion = Literal[1, 2]
_VERSION = re.compile(r"v([12])-(pad|stretch)-([1-9][0-9]{1,3})(?:-(bicubic))?")
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

_GAP = 2
"""A fast reduction leaves at least so many pixels per target pixel, along a side, for the antialiased scaling."""

_SHORT_PX, _LONGEST_PX = 224, 7168
_Size = tuple[int, int]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture of any shape becomes a square input tensor.

    Attributes:
        fit: `pad` keeps the shape and pads with white; `stretch` fills the square, as the seed implementation does.
        size_px: Side of the square, 10..9999.
        major_version: 1 is the plain way, 2 the fast one.
        filter: By which a picture is scaled to the square. Squares of heads are always scaled by the bilinear one.
    """

    fit: Fit = "pad"
    size_px: int = 128
    major_version: MajorVersion = 2
    filter: Filter = "bilinear"

    def __post_init__(self) -> None:
        if not 10 <= self.size_px <= 9999:
            raise ValueError(f"a square of {self.size_px} pixels: the side must be 10 to 9999")

    @property
    def version(self) -> str:
        """The version, such as `v2-pad-128`."""
        name = f"v{self.major_version}-{self.fit}-{self.size_px}"
        return name if self.filter == "bilinear" else f"{name}-{self.filter}"

    @classmethod
    def from_version(cls, version: str) -> Preprocessing:
        """Parse a version.

        Raises:
            WeightsError: This program does not know the version.
        """
        match = _VERSION.fullmatch(version)
        if match is None:
            raise WeightsError(f"unknown preprocessing version {version!r}: a newer Oshiwake may know it")
        filter_ = cast(Filter, match[4] or "bilinear")
        return cls(cast(Fit, match[2]), int(match[3]), cast(MajorVersion, int(match[1])), filter_)

    def read(self, data: bytes, *, limits: Limits | None = None, jpegs: Jpegs | None = None) -> NDArray[np.uint8]:
        """The input tensor of a picture file: `(size_px, size_px, 3)` uint8, scaled by an antialiased filter.

        Args:
            data: The whole content of the file.
            limits: Refuse what is larger than this.
            jpegs: Another decoder for the JPEGs that v2 would decode at a fraction of their size.

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
        return np.asarray(self._read(data, _thumbnail(self.size_px), limits, jpegs))

    def thumbnail(self, picture: Image.Image) -> NDArray[np.uint8]:
        """The same of an upright RGB picture."""
        return np.asarray(self._scaled(picture, picture.size, _thumbnail(self.size_px)))

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """Make the square of an upright RGB picture: `(size_px, size_px, 3)` uint8, antialiased."""
        return self._framed(self._scaled(picture, picture.size, self._square))

    def shrink(self, size: _Size) -> int:
        """By how much a reader may divide the sides of a picture, so that enough is left to scale with care."""
        return _divisor(min(size) if self.fit == "stretch" else max(size), _GAP * self.size_px)

    @property
    def _square(self) -> _Scale:
        return _Scale(self._target, self.shrink, partial(_resized, _FILTERS[self.filter]))

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
        target = scale.target(size)
        if self.major_version == 1:
            return image.resize(target, _FILTERS[self.filter])
        if image.mode == "RGBA":
            small = scale.fit(image.convert("RGBa"), size, target)
            return _on_white(small if conversion is None else conversion(small.convert("RGBA")).convert("RGBa"))
        small = scale.fit(image, size, target)
        return small.convert("RGB") if conversion is None else conversion(small)

    def _target(self, size: _Size) -> _Size:
        if self.fit == "stretch":
            return self.size_px, self.size_px
        scale = self.size_px / max(size)
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def _framed(self, small: Image.Image) -> NDArray[np.uint8]:
        """Paste a scaled picture into the middle of a white square."""
        side = self.size_px
        if small.size == (side, side):
            return np.asarray(small)
        square = Image.new("RGB", (side, side), BACKGROUND)
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
        return np.asarray(square)


def thumbnail_size(size: tuple[int, int], square_px: int = _SHORT_PX) -> tuple[int, int]:
    """Width and height of the small copy of a picture of that width and height.

    They are divided by 1, 2, 4 and so on, as long as the long side keeps 448 pixels and the short side 224: the heads
    of a long strip are as large as those of a page. For squares of more than 224 pixels the short side keeps as many as
    a square has, the long side twice as many. No side has more than 7168 pixels, where the square has not more either.
    """
    short = max(_SHORT_PX, square_px)
    long, longest = 2 * short, max(_LONGEST_PX, 2 * short)
    factor = 1
    while max(size) >= 2 * factor * long and (min(size) >= 2 * factor * short or max(size) > factor * longest):
        factor *= 2
    return -(-size[0] // factor), -(-size[1] // factor)


def _divisor(side: int, wanted: int) -> int:
    """The largest of 1, 2, 4 and 8 by which a side may be divided and still have the wanted pixels."""
    return next((factor for factor in (8, 4, 2) if side >= factor * wanted), 1)


@dataclass(frozen=True)
class _Scale:
    """To which size a picture is scaled, told its own; what its reader may divide it by; how what was read is scaled.

    `fit` is told the image that was read, the size of the whole picture, and the target.
    """

    target: Callable[[_Size], _Size]
    shrink: Callable[[_Size], int]
    fit: Callable[[Image.Image, _Size, _Size], Image.Image]


def _resized(resampling: Image.Resampling, image: Image.Image, size: _Size, target: _Size) -> Image.Image:
    factor = round(max(size) / max(image.size))
    box = (0.0, 0.0, size[0] / factor, size[1] / factor)  # without the rounded-up edges
    return image.resize(target, resampling, box, reducing_gap=_GAP)


def _reduced(image: Image.Image, size: _Size, target: _Size) -> Image.Image:
    """Average whole blocks of pixels, which costs a tenth of resizing."""
    factor = round(max(image.size) / max(target))
    return image.reduce(factor) if factor > 1 else image


def _thumbnail(square_px: int) -> _Scale:
    def shrink(size: _Size) -> int:
        return min(8, round(max(size) / max(thumbnail_size(size, square_px))))

    return _Scale(partial(thumbnail_size, square_px=square_px), shrink, _reduced)


def _small_in_srgb(stored: Stored) -> Image.Image:
    return stored.image if stored.conversion is None else stored.conversion(stored.image)


def _on_white(image: Image.Image) -> Image.Image:
    """Compose a picture with premultiplied opacity (mode RGBa) on white."""
    values = np.asarray(image)
    clear = 255 - values[:, :, 3:]
    return Image.fromarray(values[:, :, :3] + np.minimum(clear, 255 - values[:, :, :3]))
