"""Colours: mixing, shading, and the colour scheme of a character."""

from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass

__all__ = ["Cloth", "Colour", "Scheme", "blushing", "darker", "lighter", "luma", "mix", "near", "seeded", "vivid"]

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255 each."""

WHITE: Colour = (255, 255, 255)
_SHADOW: Colour = (58, 40, 92)
_WARDROBE = 4

# Weight, then the ranges of hue, saturation and value (0..1; hues may run past 1 around the red end).
_HAIR = (
    (14, (0.58, 0.72), (0.10, 0.55), (0.16, 0.34)),
    (7, (0.00, 0.10), (0.05, 0.30), (0.14, 0.28)),
    (15, (0.03, 0.09), (0.35, 0.65), (0.30, 0.62)),
    (14, (0.09, 0.14), (0.28, 0.60), (0.80, 0.97)),
    (9, (0.00, 1.00), (0.02, 0.12), (0.82, 0.97)),
    (5, (0.00, 1.00), (0.02, 0.10), (0.45, 0.72)),
    (7, (0.96, 1.03), (0.55, 0.85), (0.55, 0.88)),
    (7, (0.04, 0.08), (0.60, 0.85), (0.78, 0.97)),
    (11, (0.90, 0.98), (0.25, 0.60), (0.82, 0.98)),
    (9, (0.53, 0.66), (0.35, 0.75), (0.50, 0.93)),
    (8, (0.70, 0.80), (0.25, 0.60), (0.45, 0.88)),
    (5, (0.24, 0.42), (0.30, 0.65), (0.45, 0.80)),
    (4, (0.44, 0.52), (0.35, 0.75), (0.50, 0.85)),
)
_SKIN = ((60, (255, 232, 216)), (20, (250, 218, 196)), (8, (226, 178, 146)), (7, (164, 112, 84)), (3, (116, 78, 62)))
_ODD_SKIN = ((214, 222, 238), (198, 226, 196), (190, 176, 214))


def seeded(*parts: object) -> random.Random:
    """A random generator seeded by the text of the parts, the same on every machine."""
    return random.Random("/".join(str(part) for part in parts))


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` (0..1) of `second` in it."""
    keep = 1.0 - share
    return (
        int(first[0] * keep + second[0] * share),
        int(first[1] * keep + second[1] * share),
        int(first[2] * keep + second[2] * share),
    )


def darker(colour: Colour, depth: float = 0.3) -> Colour:
    """The colour in shadow: darker and a little towards violet, as illustrators shade. `depth` is in 0..1."""
    share = 1.0 - depth
    cool = (int(colour[0] * share), int(colour[1] * (share - 0.06 * depth)), int(colour[2] * (share + 0.1 * depth)))
    return mix(cool, _SHADOW, 0.18 * depth)


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """The colour in light: `share` (0..1) of the way to white."""
    return mix(colour, WHITE, share)


def blushing(skin: Colour, depth: float = 0.25) -> Colour:
    """Skin in shadow: warmer as well as darker. `depth` is in 0..1."""
    return mix(darker(skin, 0.6 * depth), (212, 96, 92), 0.65 * depth)


def luma(colour: Colour) -> float:
    """Perceived brightness, 0..255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def vivid(hue: float, saturation: float, value: float) -> Colour:
    """A colour by hue (any number, one turn per 1), saturation and value (clipped to 0..1)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))
    return (int(red * 255), int(green * 255), int(blue * 255))


def near(rng: random.Random, colour: Colour, free: float) -> Colour:
    """A variation of a colour by another illustrator; `free` is in 0..1."""
    hue, saturation, value = colorsys.rgb_to_hsv(colour[0] / 255, colour[1] / 255, colour[2] / 255)
    return vivid(
        hue + rng.gauss(0.0, 0.012) * free,
        saturation * (1.0 + rng.gauss(0.0, 0.12) * free),
        value * (1.0 + rng.gauss(0.0, 0.06) * free),
    )


@dataclass(frozen=True)
class Cloth:
    """The colours of one outfit.

    Attributes:
        main: Most of the cloth.
        second: Skirt, trousers or lining.
        trim: Seams, collars, edges.
        accent: Tie, ribbon, buttons.
        legs: Socks or tights.
        shoes: Shoes.
    """

    main: Colour
    second: Colour
    trim: Colour
    accent: Colour
    legs: Colour
    shoes: Colour

    @classmethod
    def draw(cls, rng: random.Random, favourite: float) -> Cloth:
        """Choose the colours of one outfit; `favourite` is a hue, 0..1, that many of them are near to."""
        hue = favourite + rng.gauss(0.0, 0.05) if rng.random() < 0.4 else rng.random()

        def pick() -> Colour:
            kind = rng.random()
            if kind < 0.28:
                return vivid(hue, 0.05, rng.uniform(0.88, 1.0))
            if kind < 0.48:
                return vivid(hue, rng.uniform(0.1, 0.5), rng.uniform(0.14, 0.32))
            return vivid(hue + rng.gauss(0.0, 0.12), rng.uniform(0.3, 0.85), rng.uniform(0.4, 0.95))

        accent = vivid(hue + rng.choice((0.0, 0.33, 0.5, 0.6)), rng.uniform(0.55, 0.9), rng.uniform(0.6, 0.95))
        legs = rng.choice((vivid(hue, 0.2, 0.16), (246, 244, 246), pick()))
        return cls(pick(), pick(), pick(), accent, legs, darker(pick(), 0.3))


@dataclass(frozen=True)
class Scheme:
    """All the colours of a character; identities may share one.

    Attributes:
        hair: Hair.
        hair_second: The second tone of two-toned hair.
        eyes: Left and right iris; equal unless the eyes differ.
        skin: Skin in light.
        emblem: The two colours of the emblem.
        horn: Horns, antlers and the like.
        jewel: Small ornaments.
        wardrobe: One set of cloth colours per outfit.
    """

    hair: Colour
    hair_second: Colour
    eyes: tuple[Colour, Colour]
    skin: Colour
    emblem: tuple[Colour, Colour]
    horn: Colour
    jewel: Colour
    wardrobe: tuple[Cloth, ...]

    @classmethod
    def draw(cls, rng: random.Random) -> Scheme:
        """Choose a colour scheme: hair as in illustrations, matching eyes, varied clothes."""
        hair = _hair(rng)
        left = _iris(rng)
        right = _iris(rng) if rng.random() < 0.06 else left
        second = lighter(hair, 0.5) if rng.random() < 0.3 else (darker(hair, 0.5) if rng.random() < 0.3 else _hair(rng))
        favourite = rng.random()
        return cls(
            hair=hair,
            hair_second=second,
            eyes=(left, right),
            skin=_skin(rng),
            emblem=(vivid(favourite, 0.75, 0.85), vivid(favourite + rng.choice((0.1, 0.33, 0.5)), 0.6, 0.95)),
            horn=mix(rng.choice(((70, 58, 66), (226, 212, 188), (150, 60, 60), (90, 90, 120))), hair, 0.2),
            jewel=vivid(rng.random(), rng.uniform(0.5, 0.95), rng.uniform(0.7, 0.97)),
            wardrobe=tuple(Cloth.draw(rng, favourite) for _ in range(_WARDROBE)),
        )


def _hair(rng: random.Random) -> Colour:
    family = rng.choices(_HAIR, weights=[row[0] for row in _HAIR])[0]
    return vivid(rng.uniform(*family[1]), rng.uniform(*family[2]), rng.uniform(*family[3]))


def _iris(rng: random.Random) -> Colour:
    if rng.random() < 0.1:
        return vivid(rng.random(), 0.15, rng.uniform(0.35, 0.7))
    return vivid(rng.random() * 0.9 + rng.choice((0.0, 0.05)), rng.uniform(0.5, 0.9), rng.uniform(0.55, 0.92))


def _skin(rng: random.Random) -> Colour:
    if rng.random() < 0.02:
        return rng.choice(_ODD_SKIN)
    red, green, blue = rng.choices([row[1] for row in _SKIN], weights=[row[0] for row in _SKIN])[0]
    shift = rng.randint(-4, 4)
    return (min(255, red + shift), green + shift, blue + rng.randint(-5, 5))
