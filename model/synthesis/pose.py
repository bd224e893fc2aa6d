"""The pose and expression of the figure in one picture."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Arm", "Expression", "Pose"]

_MOODS = {"smile": 26, "open": 22, "calm": 20, "frown": 9, "surprise": 6, "grin": 7, "cat": 4, "shout": 4, "sad": 4}
_ARMS = (
    ("down", 30),
    ("hip", 10),
    ("wave", 12),
    ("chin", 10),
    ("chest", 12),
    ("behind", 12),
    ("raise", 8),
    ("cheek", 8),
    ("out", 8),
)

Arm = tuple[float, float]
"""Angles in radians, from straight down outwards: of the upper arm, and of the forearm."""

_ANGLES: dict[str, Arm] = {
    "down": (0.16, 0.08),
    "hip": (0.75, -0.75),
    "wave": (0.85, 2.75),
    "chin": (0.35, -2.72),
    "chest": (0.42, -1.75),
    "behind": (0.5, -0.5),
    "raise": (2.35, 2.8),
    "cheek": (0.62, 3.35),
    "out": (1.15, 1.5),
}


@dataclass(frozen=True)
class Expression:
    """A facial expression.

    Attributes:
        mouth: smile, open, calm, frown, surprise, grin, cat, shout or sad.
        open_left, open_right: Opening of each eye, 0 (shut) .. 1.15.
        happy: Shut eyes curve up rather than down.
        brows: Inner ends down (anger, positive) or up (sorrow), radians.
        lift: How far brows rise, head units.
        gaze: Where the irises turn, x and y, -1..1.
        blush: Strength, 0..1.
    """

    mouth: str
    open_left: float
    open_right: float
    happy: bool
    brows: float
    lift: float
    gaze: tuple[float, float]
    blush: float

    @classmethod
    def draw(cls, rng: random.Random) -> Expression:
        """Choose an expression."""
        mood = rng.choices(list(_MOODS), weights=list(_MOODS.values()))[0]
        openness = {"surprise": 1.12, "frown": 0.85, "sad": 0.8}.get(mood, rng.uniform(0.85, 1.0))
        left = right = openness
        lids = rng.random()
        if lids < 0.09:
            left = right = 0.0
        elif lids < 0.13:
            left = 0.0
        elif lids < 0.17:
            right = 0.0
        elif lids < 0.25:
            left = right = 0.6
        return cls(
            mouth=mood,
            open_left=left,
            open_right=right,
            happy=mood in ("smile", "open", "grin", "cat"),
            brows={"frown": 0.35, "shout": 0.3, "sad": -0.3}.get(mood, 0.0) + rng.gauss(0.0, 0.06),
            lift={"surprise": 0.1}.get(mood, rng.gauss(0.0, 0.02)),
            gaze=(rng.gauss(0.0, 0.3), rng.gauss(0.0, 0.15)),
            blush=rng.random() if rng.random() < 0.35 else 0.0,
        )


@dataclass(frozen=True)
class Pose:
    """A pose.

    Attributes:
        yaw, pitch: Sines of the head's turn and nod, -1..1.
        roll: Tilt of the head against the neck, radians clockwise.
        lean: Tilt of the whole body, radians clockwise.
        turn: Sine of the body's turn.
        left, right: Angles of the arms.
        stride: How far the legs part, -1..1.
        sway: Shift of the hair by wind, head units, with sign.
        outfit: Which outfit is worn, an index.
        spare: Whether the outfit's ornaments are worn.
        core: Whether the picture shows each of the character's own ornaments.
        expression: The look of the face.
    """

    yaw: float
    pitch: float
    roll: float
    lean: float
    turn: float
    left: Arm
    right: Arm
    stride: float
    sway: float
    outfit: int
    spare: bool
    core: tuple[bool, ...]
    expression: Expression

    @classmethod
    def draw(cls, rng: random.Random, outfits: int, ornaments: int, lively: float = 1.0) -> Pose:
        """Choose a pose.

        Args:
            rng: Where chance comes from.
            outfits: Number of outfits.
            ornaments: How many ornaments the character has.
            lively: Scale of turns and tilts.
        """
        yaw = max(-0.85, min(0.85, rng.gauss(0.0, 0.4) * lively))
        kinds, weights = zip(*_ARMS, strict=True)
        left, right = rng.choices(kinds, weights, k=2)
        return cls(
            yaw=yaw,
            pitch=max(-0.45, min(0.45, rng.gauss(0.02, 0.16) * lively)),
            roll=rng.gauss(0.0, 0.15) * lively,
            lean=rng.gauss(0.0, 0.07) * lively,
            turn=max(-0.8, min(0.8, yaw * 0.7 + rng.gauss(0.0, 0.2) * lively)),
            left=_bent(rng, left),
            right=_bent(rng, right),
            stride=rng.gauss(0.0, 0.4),
            sway=rng.gauss(0.0, 0.65) * lively,
            outfit=min(int(rng.random() * rng.random() * outfits * 1.35), outfits - 1),
            spare=rng.random() < 0.6,
            core=tuple(rng.random() < 0.93 for _ in range(ornaments)),
            expression=Expression.draw(rng),
        )


def _bent(rng: random.Random, kind: str) -> Arm:
    upper, fore = _ANGLES[kind]
    return (upper + rng.gauss(0.0, 0.1), fore + rng.gauss(0.0, 0.12))
