"""Outfits."""

from __future__ import annotations

import random
from dataclasses import dataclass

from model.synthesis.ornament import Ornament, spare_ornaments
from model.synthesis.palette import Cloth

__all__ = ["Outfit"]

_COLLARS = ("sailor", "shirt", "blazer", "round", "vee", "turtle", "bare", "kimono", "hood", "armour", "frill", "coat")
_FEMININE = (14, 9, 12, 7, 5, 6, 9, 7, 8, 5, 9, 9)
_MASCULINE = (1, 14, 16, 9, 7, 8, 2, 7, 10, 10, 1, 15)


@dataclass(frozen=True)
class Outfit:
    """A set of clothes.

    Attributes:
        cloth: Its colours.
        collar: What the top is, told by its collar.
        sleeve: none, short, long or wide.
        bottom: skirt, long_skirt, shorts or trousers.
        legs: bare, socks, high or tights.
        front: plain, buttons, tie, bow, stripe, emblem or apron on the chest.
        belt: Whether it has a belt.
        pattern: plain, stripes or checks on the skirt.
        gloves: Whether hands are gloved.
        cape: Whether a cape hangs behind.
        ornaments: Hats and the like that belong to it.
    """

    cloth: Cloth
    collar: str
    sleeve: str
    bottom: str
    legs: str
    front: str
    belt: bool
    pattern: str
    gloves: bool
    cape: bool
    ornaments: tuple[Ornament, ...]

    @classmethod
    def draw(cls, rng: random.Random, cloth: Cloth, masculine: bool) -> Outfit:
        """Choose clothes in the given colours."""
        bottoms = (6, 4, 15, 75) if masculine else (62, 14, 13, 11)
        return cls(
            cloth=cloth,
            collar=rng.choices(_COLLARS, _MASCULINE if masculine else _FEMININE)[0],
            sleeve=rng.choices(("none", "short", "long", "wide"), (14, 26, 45, 15))[0],
            bottom=rng.choices(("skirt", "long_skirt", "shorts", "trousers"), bottoms)[0],
            legs=rng.choices(("bare", "socks", "high", "tights"), (20, 25, 30, 25))[0],
            front=rng.choices(
                ("plain", "buttons", "tie", "bow", "stripe", "emblem", "apron"), (20, 15, 15, 20, 10, 14, 6)
            )[0],
            belt=rng.random() < 0.35,
            pattern=rng.choices(("plain", "stripes", "checks"), (60, 22, 18))[0],
            gloves=rng.random() < 0.14,
            cape=rng.random() < 0.1,
            ornaments=spare_ornaments(rng),
        )
