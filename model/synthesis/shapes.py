"""The shapes of a character: hair, eyes and build."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Build", "Eyes", "Hair", "weighted"]

_FRINGES = {
    "blunt": 14,
    "pointed": 20,
    "between": 16,
    "centre": 10,
    "side": 16,
    "veil": 8,
    "curtain": 8,
    "choppy": 10,
    "slick": 4,
}
_TAILS = {
    "none": 46,
    "twin": 12,
    "low_twin": 5,
    "pony": 8,
    "side": 5,
    "buns": 4,
    "bun_tails": 4,
    "braid": 4,
    "twin_braids": 4,
    "drills": 4,
    "half_up": 4,
}
_MASCULINE_TAILS = {"none": 85, "pony": 6, "braid": 5, "side": 4}


def weighted(rng: random.Random, table: dict[str, int]) -> str:
    """A random key of the table, with its value as weight."""
    return rng.choices(list(table), weights=list(table.values()))[0]


@dataclass(frozen=True)
class Hair:
    """The shape of hair, in head units (the skull's radius is 1).

    Attributes:
        length: Lower end of the back hair: about 1 is short, 1.7 shoulders, 4 waist.
        volume: Distance of the hair from the skull, 0..0.3.
        flare: Widening of the back hair downwards, -0.3..0.8.
        wave: Height of its waves, 0..0.25.
        waves: Number of waves.
        tips: Number of pointed ends of the back hair; 1 is cut straight.
        fringe: Kind of fringe.
        strands: Number of strands in the fringe.
        reach: Lower end of the fringe, -0.2..0.4.
        part: Where it parts, -0.6..0.6.
        jitter: Irregularity of each strand, -1..1.
        locks: Length of the strands in front of the ears, 0 for none.
        lock_width: Their width.
        lock_lean: -1 only left, 1 only right, 0 both.
        tail: Kind of tails, buns or braids.
        tail_length, tail_width, tail_height: Their measures.
        tail_curl: How they swing outwards, -1..1.
        ahoge: Number of stray hairs on top.
        spikes: Number of tufts in the outline; 0 is smooth.
        tone: Place of the second colour: none, tips, inner, streak or split.
    """

    length: float
    volume: float
    flare: float
    wave: float
    waves: float
    tips: int
    fringe: str
    strands: int
    reach: float
    part: float
    jitter: tuple[float, ...]
    locks: float
    lock_width: float
    lock_lean: float
    tail: str
    tail_length: float
    tail_width: float
    tail_height: float
    tail_curl: float
    ahoge: int
    spikes: int
    tone: str

    @classmethod
    def draw(cls, rng: random.Random, masculine: bool) -> Hair:
        """Choose a hairdo."""
        tail = weighted(rng, _MASCULINE_TAILS if masculine else _TAILS)
        if masculine or tail not in ("none", "half_up"):
            length = rng.uniform(0.85, 1.3) if rng.random() < 0.85 else rng.uniform(1.5, 4.0)
        else:
            length = rng.choices((rng.uniform(0.95, 1.5), rng.uniform(1.5, 2.4), rng.uniform(2.6, 5.8)), (30, 28, 42))[
                0
            ]
        return cls(
            length=length,
            volume=rng.uniform(0.06, 0.24),
            flare=rng.uniform(-0.1, 0.35) + (rng.uniform(0.1, 0.5) if length > 2 and rng.random() < 0.4 else 0.0),
            wave=rng.choice((0.0, 0.0, rng.uniform(0.04, 0.1), rng.uniform(0.08, 0.2))),
            waves=rng.uniform(1.5, 4.0),
            tips=rng.choice((1, 5, 7, 9)) if not masculine else rng.choice((5, 7, 9)),
            fringe=weighted(rng, _FRINGES),
            strands=rng.randint(4, 8),
            reach=rng.uniform(-0.16, 0.26),
            part=rng.choice((-1, 1)) * rng.uniform(0.12, 0.55),
            jitter=tuple(rng.uniform(-1.0, 1.0) for _ in range(10)),
            locks=0.0 if rng.random() < 0.25 else rng.uniform(0.7, 1.2 if masculine else 2.6),
            lock_width=rng.uniform(0.11, 0.26),
            lock_lean=rng.choice((0.0, 0.0, 0.0, 0.0, -1.0, 1.0)),
            tail=tail,
            tail_length=rng.uniform(1.0, 4.4),
            tail_width=rng.uniform(0.24, 0.5),
            tail_height=rng.uniform(-0.75, -0.2),
            tail_curl=rng.uniform(-0.3, 1.0),
            ahoge=rng.choices((0, 1, 2, 3), (66, 24, 7, 3))[0],
            spikes=rng.choice((0, 0, 0, 5, 7, 9)) if not masculine else rng.choice((0, 5, 7, 9)),
            tone=rng.choices(("none", "tips", "inner", "streak", "split"), (72, 9, 8, 8, 3))[0],
        )


@dataclass(frozen=True)
class Eyes:
    """The shape of eyes and brows.

    Attributes:
        width, height: Half measures of the opening, head units.
        apart: Distance of each eye from the middle.
        level: How low the eyes sit.
        tilt: Outer corners up (positive) or down, radians.
        iris: Width of the iris as a share of the eye.
        pupil: Kind of pupil: round, slit, star, cross, ring or none.
        lash: Thickness of the upper lash line.
        flick: Length of the lash at the outer corner.
        brow: Thickness of the brows.
        brow_tilt: Inner ends down (positive) or up.
        lid: Lowering of the lids, 0..0.35.
        glint: Place of the highlight: -1 left, 1 right.
    """

    width: float
    height: float
    apart: float
    level: float
    tilt: float
    iris: float
    pupil: str
    lash: float
    flick: float
    brow: float
    brow_tilt: float
    lid: float
    glint: int

    @classmethod
    def draw(cls, rng: random.Random, masculine: bool) -> Eyes:
        """Choose eyes; narrower ones for masculine faces."""
        height = rng.uniform(0.19, 0.27) if masculine else rng.uniform(0.26, 0.37)
        return cls(
            width=rng.uniform(0.21, 0.27) if masculine else rng.uniform(0.24, 0.305),
            height=height,
            apart=rng.uniform(0.40, 0.46),
            level=rng.uniform(0.26, 0.36),
            tilt=rng.gauss(0.06, 0.14),
            iris=rng.uniform(0.60, 0.82),
            pupil=rng.choices(("round", "slit", "star", "cross", "ring", "none"), (68, 10, 4, 3, 7, 8))[0],
            lash=rng.uniform(0.03, 0.05) if masculine else rng.uniform(0.05, 0.085),
            flick=rng.uniform(0.0, 0.06) if masculine else rng.uniform(0.03, 0.15),
            brow=rng.uniform(0.025, 0.06) if masculine else rng.uniform(0.012, 0.04),
            brow_tilt=rng.gauss(0.05, 0.12),
            lid=rng.choice((0.0, 0.0, 0.0, rng.uniform(0.08, 0.25))),
            glint=rng.choice((-1, 1)),
        )


@dataclass(frozen=True)
class Build:
    """The shape of face and body.

    Attributes:
        jaw: Width of the jaw, 0.8 (pointed) .. 1.15 (broad).
        chin: How low the chin is, head units.
        shoulders: Half width of the shoulders, head units.
        waist: Half width of the waist.
        hips: Half width of the hips.
        legs: Length of the legs, head units.
        torso: Length of the torso.
        bust: Fullness of the chest, 0..1.
    """

    jaw: float
    chin: float
    shoulders: float
    waist: float
    hips: float
    legs: float
    torso: float
    bust: float

    @classmethod
    def draw(cls, rng: random.Random, masculine: bool) -> Build:
        """Choose a build, from child-like to tall."""
        tall = rng.uniform(0.0, 1.0)
        return cls(
            jaw=rng.uniform(0.95, 1.14) if masculine else rng.uniform(0.84, 1.06),
            chin=rng.uniform(1.12, 1.24) if masculine else rng.uniform(1.04, 1.17),
            shoulders=(rng.uniform(1.2, 1.5) if masculine else rng.uniform(0.95, 1.14)) + 0.12 * tall,
            waist=rng.uniform(0.75, 0.95) if masculine else rng.uniform(0.54, 0.72),
            hips=rng.uniform(0.76, 0.92) if masculine else rng.uniform(0.76, 0.96),
            legs=2.3 + 2.2 * tall,
            torso=1.95 + 0.65 * tall,
            bust=0.0 if masculine else rng.uniform(0.0, 1.0),
        )
