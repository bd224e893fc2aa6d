"""Tied hair: tails, braids, buns and drills."""

from __future__ import annotations

import numpy as np

from model.synthesis.curve import Points, ellipse, flowing, moved, pair, points, ribbon
from model.synthesis.palette import Colour, Scheme, darker, lighter
from model.synthesis.pen import Pen
from model.synthesis.shapes import Hair

__all__ = ["draw_buns", "draw_tails"]

_T = np.linspace(0.0, 1.0, 8)
_SWELL = np.array([0.35, 0.85, 1.0, 1.0, 0.92, 0.75, 0.45, 0.03])


def draw_tails(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the tails of a hairdo; nothing for loose hair."""
    kind = hair.tail
    if kind in ("twin", "bun_tails", "drills", "low_twin", "twin_braids"):
        low = kind in ("low_twin", "twin_braids")
        for side in (-1.0, 1.0):
            _tail(pen, hair, colours, side, (0.95, 0.55 if low else hair.tail_height), sway)
    elif kind == "side":
        _tail(pen, hair, colours, 1.0 if hair.part > 0 else -1.0, (0.92, hair.tail_height + 0.3), sway)
    elif kind in ("pony", "braid", "half_up"):
        _tail(pen, hair, colours, 1.0 if hair.part > 0 else -1.0, (0.35, hair.tail_height - 0.2), sway)


def _spine(hair: Hair, side: float, anchor: tuple[float, float], sway: float) -> Points:
    out = 0.55 * np.sin(0.5 * np.pi * np.minimum(1.0, 1.6 * _T)) + hair.tail_curl * 0.5 * np.sin(np.pi * _T)
    wave = hair.wave * np.sin(2 * np.pi * hair.waves * _T)
    x = side * (anchor[0] + out + wave) + sway * 0.25 * hair.tail_length * _T**2
    y = anchor[1] - 0.25 * np.sin(np.pi * np.minimum(1.0, 2.2 * _T)) + hair.tail_length * _T**1.35
    return pair(x, y)


def _tail(pen: Pen, hair: Hair, colours: Scheme, side: float, anchor: tuple[float, float], sway: float) -> None:
    spine = _spine(hair, side, anchor, sway)
    width = hair.tail_width
    if hair.tail in ("braid", "twin_braids"):
        _braid(pen, spine, width * 0.62, colours.hair)
    elif hair.tail == "drills":
        _drill(pen, spine, width * 0.9, colours.hair)
    else:
        outline = _smooth(spine, width * _SWELL)
        pen.fill(outline, colours.hair, -0.2)
        if hair.tone in ("tips", "inner", "split") and (hair.tone != "split" or side > 0):
            start = 4 if hair.tone == "tips" else 0
            pen.fill(_smooth(spine[start:], width * 0.97 * _SWELL[start:]), colours.hair_second, -0.2, line=0.0)
        inner = moved(spine, 0.12 * side, 0.0)
        pen.shade(_smooth(inner[2:], 0.4 * width * _SWELL[2:]), darker(colours.hair, 0.25), -0.2)
        pen.stroke(flowing(spine[1:7] - (0.1 * side, 0.0)), colours.hair, -0.2, width=0.6)
        pen.gleam(
            ellipse(float(spine[2, 0]) - 0.1 * side, float(spine[2, 1]), 0.3 * width, 0.14 * width),
            lighter(colours.hair, 0.3),
            -0.2,
        )
    tie = spine[0] + 0.4 * (spine[1] - spine[0])
    pen.fill(ellipse(float(tie[0]), float(tie[1]), 0.14, 0.16), colours.jewel, -0.1)


def _smooth(spine: Points, widths: Points) -> Points:
    both = ribbon(spine, widths)
    half = len(spine)
    return np.concatenate((flowing(both[:half]), flowing(both[half:])))


def _braid(pen: Pen, spine: Points, width: float, colour: Colour) -> None:
    line = flowing(spine)
    long = float(np.abs(np.diff(line, axis=0)).sum())
    count = max(5, round(long / (0.8 * width)))
    for number, place in enumerate(np.linspace(0, len(line) - 1, count).astype(int)):
        x, y = (float(value) for value in line[place])
        size = width * (1.0 - 0.4 * number / count)
        tilt = 0.5 if number % 2 else -0.5
        pen.fill(ellipse(x, y, size, size * 0.82, tilt), colour if number % 2 else darker(colour, 0.1), -0.1)


def _drill(pen: Pen, spine: Points, width: float, colour: Colour) -> None:
    line = flowing(spine)
    for number, place in enumerate(np.linspace(len(line) - 1, 2, 9).astype(int)):
        x, y = (float(value) for value in line[place])
        size = width * (0.35 + 0.08 * number)
        pen.fill(ellipse(x, y, size, size * 0.6, 0.35), colour if number % 2 else darker(colour, 0.12), -0.1)


def draw_buns(pen: Pen, hair: Hair, colours: Scheme) -> None:
    """Draw buns on top of the head; nothing for other hairdos."""
    if hair.tail not in ("buns", "bun_tails"):
        return
    size = 0.3 + 0.35 * hair.tail_width
    for side in (-1.0, 1.0):
        x, y = side * 0.82, -0.88 - 0.3 * hair.volume
        pen.fill(ellipse(x, y, size, size * 0.95), colours.hair, -0.1)
        pen.shade(ellipse(x + 0.08 * size, y + 0.35 * size, size * 0.7, size * 0.45), darker(colours.hair, 0.2), -0.1)
        swirl = points((x - size * 0.5, y), (x, y - size * 0.5), (x + size * 0.5, y), (x, y + size * 0.35))
        pen.stroke(flowing(swirl), colours.hair, -0.1, width=0.6)
        pen.gleam(ellipse(x - 0.3 * size, y - 0.4 * size, size * 0.25, size * 0.14), lighter(colours.hair, 0.4), -0.1)
