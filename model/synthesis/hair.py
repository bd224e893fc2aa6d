"""Hair without the fringe: behind the head, on the skull, and in front of the ears."""

from __future__ import annotations

import numpy as np

from model.synthesis.curve import Points, blades, flowing, pair, points
from model.synthesis.fringe import dome
from model.synthesis.palette import Scheme, darker
from model.synthesis.pen import Pen
from model.synthesis.shapes import Hair

__all__ = ["draw_ahoge", "draw_back", "draw_cap", "draw_locks"]

_T = np.linspace(0.0, 1.0, 8)
_LOCK = np.array([0.3, 0.75, 1.0, 1.0, 0.9, 0.72, 0.45, 0.03])


def draw_back(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the hair that hangs behind neck and body."""
    tone = colours.hair_second if hair.tone == "inner" else darker(colours.hair, 0.16)
    pen.fill(_mane(hair, sway, 0.0, 1.0), tone, -0.35)
    if hair.tone == "tips":
        pen.fill(_mane(hair, sway, 0.62, 1.0), colours.hair_second, -0.35, line=0.0)
    pen.shade(_mane(hair, sway * 0.9, 0.0, 0.7), darker(tone, 0.28), -0.35)
    fine = 0.5 + pen.ink.strands
    for number, place in enumerate((-0.72, 0.7, -0.35, 0.4, -0.86, 0.88)[: 2 + int(5 * pen.ink.strands)]):
        pen.stroke(_strand(hair, sway, place), tone if number % 3 else darker(tone, 0.2), -0.35, width=0.4 * fine)


def _edge(hair: Hair, sway: float, t: Points) -> tuple[Points, Points]:
    """Half width and sideways shift of the mane at `t` (0 top .. 1 end)."""
    taper = (0.34 if hair.length < 1.3 else 0.16) * t**3 if hair.length < 1.6 else 0.0
    half = 1.0 + hair.volume + hair.flare * t - taper
    fall = max(0.0, hair.length - 0.6)
    shift = hair.wave * np.sin(2 * np.pi * hair.waves * t) * np.minimum(1.0, 3 * t) + sway * 0.22 * fall * t**2
    return half, shift


def _mane(hair: Hair, sway: float, start: float, share: float) -> Points:
    """The outline of the back hair from `start` (0..1) down, `share` of its width."""
    t = start + (1.0 - start) * _T
    half, shift = _edge(hair, sway, t)
    y = -0.15 + (hair.length + 0.15) * t
    y = y if share == 1.0 else y * 0.96
    right = flowing(pair(shift + half * share, y))
    left = flowing(pair(shift - half * share, y))
    if hair.tips <= 1:
        return np.concatenate((right, left[::-1]))
    rest = np.linspace(1.0, -1.0, hair.tips + 1)
    deep = min(0.45, 0.18 + 0.1 * hair.length)
    valleys = pair(shift[-1] + rest * half[-1] * share, np.full(hair.tips + 1, y[-1]))
    drop = deep * (0.75 + 0.5 * np.resize(np.asarray(hair.jitter), hair.tips))
    middles = (rest[:-1] + rest[1:]) / 2
    ends = pair(shift[-1] + middles * half[-1] * share * 1.05 + 0.1 * sway, y[-1] + drop)
    return np.concatenate((right, blades(valleys, ends), left[::-1]))


def _strand(hair: Hair, sway: float, place: float) -> Points:
    half, shift = _edge(hair, sway, _T)
    return flowing(pair(shift + place * half, 0.3 + (hair.length - 0.25) * _T))


def draw_cap(pen: Pen, hair: Hair, colours: Scheme) -> None:
    """Draw the hair on the skull, which the face then covers."""
    tone = darker(colours.hair, 0.2)
    pen.fill(dome(hair, -1.25 * np.pi, 0.25 * np.pi, 48), tone, -0.15)


def draw_locks(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the strands in front of the ears."""
    if hair.locks <= 0.0:
        return
    for side in (-1.0, 1.0):
        if hair.lock_lean and side != hair.lock_lean:
            continue
        y = -0.5 + (hair.locks + 0.5) * _T
        bend = 0.08 * np.sin(np.pi * _T) + hair.wave * 0.6 * np.sin(2 * np.pi * hair.waves * _T)
        x = side * (0.78 + hair.volume * 0.4 + 0.16 * np.minimum(1.0, 3 * _T) + bend - 0.1 * _T)
        x = x + 0.12 * sway * _T**2 * hair.locks
        width = hair.lock_width * _LOCK
        outer, inner = flowing(pair(x + width, y)), flowing(pair(x - width, y))
        pen.fill(np.concatenate((outer, inner[::-1])), colours.hair, 0.25, line=0.0)
        if hair.tone == "tips":
            low = slice(4, None)
            tip = np.concatenate((pair(x + width, y)[low], pair(x - width, y)[low][::-1]))
            pen.dot(tip, colours.hair_second, 0.25)
        # The upper end has no line, so that the strand joins the fringe.
        loose = len(outer) // 3
        pen.trace(np.concatenate((outer[loose:], inner[loose:][::-1])), colours.hair, 0.25)
        pen.stroke(pair(x, y)[2:6], colours.hair, 0.25, width=0.5)


def draw_ahoge(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the stray hairs on top."""
    for number in range(hair.ahoge):
        lean = (0.5 if hair.jitter[number] > 0 else -0.5) + 0.3 * sway
        tall = 0.42 + 0.2 * abs(hair.jitter[number + 3])
        base = -1.0 - hair.volume
        foot = 0.12 * (number - (hair.ahoge - 1) / 2) * 3
        spine = points((foot, base), (foot + 0.1 * lean, base - tall * 0.6), (foot + 0.75 * lean, base - tall))
        spine = np.concatenate((spine, points((foot + 1.15 * lean, base - tall * 0.62))))
        curve = flowing(spine)
        width = 0.09 * np.linspace(1.0, 0.05, len(curve))
        outline = np.concatenate((curve + pair(width, 0 * width), (curve - pair(width, 0 * width))[::-1]))
        pen.fill(outline, colours.hair, 0.0)
