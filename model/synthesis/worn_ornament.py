"""An ornament with the colours and measures for drawing it."""

from __future__ import annotations

from dataclasses import dataclass

from model.synthesis.ornament import Ornament
from model.synthesis.palette import Cloth, Colour, Scheme
from model.synthesis.shapes import Eyes

__all__ = ["Worn"]


@dataclass(frozen=True)
class Worn:
    """An ornament with the values for drawing it.

    Attributes:
        ornament: Kind, side, size and place.
        colours: The character's colours.
        cloth: The colours of the outfit.
        eyes: Where the eyes are.
        volume: Distance of the hair from the skull, head units.
    """

    ornament: Ornament
    colours: Scheme
    cloth: Cloth
    eyes: Eyes
    volume: float

    @property
    def tone(self) -> Colour:
        """The ornament's colour."""
        paint = self.ornament.paint
        table = {
            "hair": self.colours.hair,
            "second": self.colours.hair_second,
            "horn": self.colours.horn,
            "jewel": self.colours.jewel,
            "accent": self.cloth.accent,
            "main": self.cloth.main,
            "emblem": self.colours.emblem[0],
        }
        return table.get(paint, (52, 46, 58))

    @property
    def crown(self) -> float:
        """The upper end of the hair, a negative number."""
        return -1.05 - self.volume
