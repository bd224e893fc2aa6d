"""From an upright RGB picture to the square of pixels that the network takes.

A preprocessing is known by its version, a short string such as `v1-pad-128`; it stands in every weights file and beside
every embedding, because vectors of two preprocessings must never be compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import WeightsError

__all__ = ["Fit", "Preprocessing"]

Fit = Literal["pad", "stretch"]
_VERSION = re.compile(r"v1-(pad|stretch)-([1-9][0-9]{1,3})")
_BACKGROUND = (255, 255, 255)


@dataclass(frozen=True)
class Preprocessing:
    """How a picture of any shape becomes a square.

    Attributes:
        fit: `pad` keeps the shape and fills up with white; `stretch` fills the square, as the seed implementation does.
        size_px: Side of the square.
    """

    fit: Fit = "pad"
    size_px: int = 128

    @property
    def version(self) -> str:
        """The name under which embeddings made this way may be compared, e.g. `v1-pad-128`."""
        return f"v1-{self.fit}-{self.size_px}"

    @classmethod
    def from_version(cls, version: str) -> Preprocessing:
        """Read a version string back.

        Raises:
            WeightsError: This program does not know that version (it is newer, or not ours).
        """
        match = _VERSION.fullmatch(version)
        if match is None:
            raise WeightsError(f"unknown preprocessing version {version!r}: a newer Oshiwake may know it")
        return cls(cast(Fit, match[1]), int(match[2]))

    def __call__(self, picture: Image.Image) -> NDArray[np.uint8]:
        """Scale an RGB picture to the square: `(size_px, size_px, 3)` uint8, antialiased bilinear."""
        side = self.size_px
        if self.fit == "stretch":
            return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
        scale = side / max(picture.size)
        width, height = (max(1, round(length * scale)) for length in picture.size)
        small = picture.resize((width, height), Image.Resampling.BILINEAR)
        square = Image.new("RGB", (side, side), _BACKGROUND)
        square.paste(small, ((side - width) // 2, (side - height) // 2))
        return np.asarray(square)
