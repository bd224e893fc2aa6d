"""Drawn characters by which a network is tried."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.images.preprocessing import Preprocessing
from model.synthesis import Identity, draw

__all__ = ["drawn_pictures"]


def drawn_pictures(characters: int, pictures: int, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Squares of the first characters, `pictures` of each side by side: `(n, size_px, size_px, 3)` uint8."""
    return np.stack(
        [
            preprocessing(draw(Identity.from_seed(character), n, size_px=256, variety="gentle"))
            for character in range(characters)
            for n in range(pictures)
        ]
    )
