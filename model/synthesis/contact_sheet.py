"""A contact sheet: a grid of pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from model.synthesis.identity import Identity
from model.synthesis.scene import Variety, draw

__all__ = ["contact_sheet"]


def contact_sheet(
    identities: Sequence[Identity], pictures: int = 8, size_px: int = 160, variety: Variety = "full"
) -> Image.Image:
    """Draw a grid: a row per identity, a column per picture seed, from 0.

    Raises:
        ValueError: There are no identities or no pictures.
    """
    if not identities or pictures < 1:
        raise ValueError("a contact sheet needs at least one identity and one picture")
    sheet = Image.new("RGB", (pictures * size_px, len(identities) * size_px), (255, 255, 255))
    for row, identity in enumerate(identities):
        for column in range(pictures):
            picture = draw(identity, column, size_px, variety)
            sheet.paste(picture, (column * size_px, row * size_px))
    return sheet
