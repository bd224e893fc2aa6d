"""Ornaments on the head or behind the body, with their weights."""

from __future__ import annotations

import random
from dataclasses import dataclass

from model.synthesis.shapes import weighted

__all__ = ["Ornament", "core_ornaments", "spare_ornaments"]

_CORE = {
    "cat_ears": 11,
    "fox_ears": 8,
    "dog_ears": 5,
    "rabbit_ears": 5,
    "bear_ears": 3,
    "elf_ears": 7,
    "horns": 6,
    "ram_horns": 4,
    "unicorn": 3,
    "antlers": 3,
    "halo": 5,
    "glasses": 9,
    "eyepatch": 2,
    "headphones": 4,
    "band": 6,
    "head_ribbon": 8,
    "hair_clip": 10,
    "flower": 5,
    "tiara": 2,
    "mole": 8,
    "scar": 2,
    "fang": 4,
    "freckles": 2,
    "earrings": 8,
    "choker": 5,
    "wings": 3,
    "tail": 5,
    "blush": 5,
    "face_mark": 3,
    "goggles": 2,
}
_SPARE = {
    "beret": 5,
    "cap": 4,
    "straw_hat": 3,
    "witch_hat": 3,
    "peaked_cap": 4,
    "top_hat": 2,
    "hood": 4,
    "flower": 9,
    "head_ribbon": 6,
    "tiara": 4,
    "band": 4,
    "hair_clip": 6,
    "earrings": 5,
    "choker": 5,
    "scarf": 5,
    "headphones": 3,
    "glasses": 3,
    "veil": 2,
    "goggles": 2,
    "cat_ears": 1,
}


@dataclass(frozen=True)
class Ornament:
    """One ornament on the head or behind the body.

    Attributes:
        kind: What it is.
        side: -1 left, 1 right.
        size: Scale, about 1.
        lift: Irregularity of its place or shape, -1..1.
        paint: Its colour: hair, second, horn, jewel, accent, main or dark.
    """

    kind: str
    side: int
    size: float
    lift: float
    paint: str


_GROWN = ("cat_ears", "fox_ears", "dog_ears", "bear_ears", "tail")
_HORN = ("horns", "ram_horns", "unicorn", "antlers")


def _ornament(rng: random.Random, kind: str) -> Ornament:
    if kind in _GROWN:
        paint = rng.choices(("hair", "second", "dark"), (80, 12, 8))[0]
    elif kind in _HORN:
        paint = "horn"
    else:
        paint = rng.choice(("jewel", "accent", "main", "dark", "emblem"))
    return Ornament(kind, rng.choice((-1, 1)), rng.uniform(0.75, 1.3), rng.uniform(-1.0, 1.0), paint)


def core_ornaments(rng: random.Random) -> tuple[Ornament, ...]:
    """Choose the ornaments of a character: none to four of different kinds."""
    count = rng.choices((0, 1, 2, 3, 4), (14, 34, 30, 16, 6))[0]
    kinds = dict.fromkeys(weighted(rng, _CORE) for _ in range(count))
    heads = [kind for kind in kinds if kind.endswith("_ears") and kind != "elf_ears"]
    return tuple(_ornament(rng, kind) for kind in kinds if kind not in heads[1:])


def spare_ornaments(rng: random.Random) -> tuple[Ornament, ...]:
    """Choose the ornaments of an outfit: none to two."""
    count = rng.choices((0, 1, 2), (45, 38, 17))[0]
    kinds = dict.fromkeys(weighted(rng, _SPARE) for _ in range(count))
    return tuple(_ornament(rng, kind) for kind in kinds)
