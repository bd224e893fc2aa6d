"""Hats, hoods and veils."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model.synthesis.curve import Points, arc, closed, ellipse, flowing, points
from model.synthesis.palette import darker, mix
from model.synthesis.pen import Pen
from model.synthesis.worn_ornament import Worn

__all__ = ["CROWNS", "HATS"]


def _dome_hat(pen: Pen, worn: Worn, low: float = -0.42, tall: float = 1.0) -> Points:
    reach = 1.12 + worn.volume
    dome = arc(0.0, low, reach, reach * 0.78 * tall, np.pi, 2 * np.pi, 18)
    pen.fill(dome, worn.tone, 0.0)
    pen.shade(points((reach * 0.3, low), (reach, low), (reach * 0.8, low - 0.5 * tall)), darker(worn.tone, 0.22), 0.0)
    return dome


def _beret(pen: Pen, worn: Worn) -> None:
    side = worn.ornament.side
    shape = closed(
        points(
            (-1.02, -0.62),
            (-1.3 + 0.25 * side, -1.05),
            (-0.5, -1.5),
            (0.6, -1.5),
            (1.3 + 0.25 * side, -1.05),
            (1.02, -0.62),
            (0.0, -0.85),
        )
    )
    pen.fill(shape, worn.tone, 0.05)
    pen.shade(closed(points((0.2, -0.85), (1.0, -0.7), (1.15, -1.0), (0.7, -0.95))), darker(worn.tone, 0.25), 0.05)
    pen.fill(ellipse(0.1 * side, -1.52, 0.09, 0.11), worn.tone, 0.0)
    pen.fill(ellipse(-0.55 * side, -0.9, 0.15, 0.15), worn.colours.jewel, 0.4, line=0.6)


def _cap(pen: Pen, worn: Worn) -> None:
    _dome_hat(pen, worn)
    pen.stroke(flowing(points((-0.4, -0.42), (-0.3, -1.0), (0.0, worn.crown - 0.1))), worn.tone, 0.1, width=0.6)
    brim = closed(points((-0.95, -0.5), (0.0, -0.72), (0.95, -0.5), (0.75, -0.24), (0.0, -0.12), (-0.75, -0.24)))
    pen.fill(brim, worn.cloth.trim if worn.ornament.lift > 0 else darker(worn.tone, 0.2), 0.6)
    pen.fill(ellipse(0.0, -0.85, 0.2, 0.16), worn.colours.emblem[1], 0.5, line=0.6)


def _peaked_cap(pen: Pen, worn: Worn) -> None:
    top = closed(
        points((-1.1, -0.75), (-1.42, -1.15), (-0.6, -1.52), (0.6, -1.52), (1.42, -1.15), (1.1, -0.75), (0.0, -0.8))
    )
    pen.fill(top, worn.tone, 0.0)
    pen.fill(points((-1.08, -0.82), (1.08, -0.82), (1.1, -0.52), (-1.1, -0.52)), darker(worn.tone, 0.35), 0.1)
    pen.fill(
        closed(points((-0.85, -0.58), (0.0, -0.62), (0.85, -0.58), (0.55, -0.36), (0.0, -0.28), (-0.55, -0.36))),
        (40, 36, 44),
        0.55,
    )
    pen.fill(ellipse(0.0, -1.0, 0.17, 0.19), worn.colours.emblem[1], 0.35, line=0.6)


def _straw_hat(pen: Pen, worn: Worn) -> None:
    straw = mix((238, 212, 146), worn.tone, 0.1)
    pen.fill(ellipse(0.0, -0.62, 1.85, 0.46, 0.06 * worn.ornament.lift), straw, 0.1)
    pen.fill(arc(0.0, -0.68, 1.0, 0.85, np.pi, 2 * np.pi, 16), straw, 0.0)
    pen.band(points((-1.0, -0.76), (0.0, -0.66), (1.0, -0.76)), worn.tone, 0.2, 0.1)


def _witch_hat(pen: Pen, worn: Worn) -> None:
    bend = 0.6 * worn.ornament.lift
    cone = closed(
        points(
            (-0.95, -0.68),
            (-0.6, -1.4),
            (-0.1 + bend * 0.4, -2.1),
            (0.35 + bend, -2.35),
            (0.4 + bend * 0.3, -1.8),
            (0.65, -1.3),
            (0.95, -0.68),
        )
    )
    pen.fill(ellipse(0.0, -0.66, 1.8, 0.42, 0.05 * worn.ornament.side), worn.tone, 0.1)
    pen.fill(cone, worn.tone, 0.0)
    pen.shade(points((0.3, -0.7), (0.9, -0.7), (0.6, -1.3), (0.3 + bend * 0.5, -1.9)), darker(worn.tone, 0.25), 0.0)
    pen.band(points((-0.9, -0.78), (0.0, -0.7), (0.9, -0.78)), worn.cloth.accent, 0.2, 0.05)


def _top_hat(pen: Pen, worn: Worn) -> None:
    x = 0.45 * worn.ornament.side
    pen.fill(points((x - 0.38, -1.0), (x + 0.38, -1.0), (x + 0.44, -1.72), (x - 0.44, -1.72)), worn.tone, 0.0)
    pen.band(points((x - 0.38, -1.1), (x + 0.38, -1.1)), worn.cloth.accent, 0.15, 0.0)
    pen.fill(ellipse(x, -0.98, 0.66, 0.17, 0.12 * worn.ornament.side), worn.tone, 0.1)


def _hood(pen: Pen, worn: Worn) -> None:
    reach = 1.22 + worn.volume
    outer = arc(0.0, 0.0, reach, reach * 1.08, 0.86 * np.pi, 2.14 * np.pi, 26)
    inner = arc(0.0, 0.08, reach * 0.86, reach * 0.74, 2.14 * np.pi, 0.86 * np.pi, 22)
    pen.fill(np.concatenate((outer, inner)), worn.tone, np.concatenate((np.full(26, -0.1), np.full(22, 0.25))))
    if worn.ornament.lift > 0.4:
        for side in (-1.0, 1.0):
            pen.fill(points((0.35, -1.25), (0.85, -1.75), (1.0, -0.95)) * (side, 1.0), worn.tone, -0.05)


def _veil(pen: Pen, worn: Worn) -> None:
    reach = 1.15 + worn.volume
    shape = np.concatenate(
        (
            arc(0.0, -0.1, reach, reach, np.pi, 2 * np.pi, 18),
            points((1.35, 1.6), (0.95, 1.3), (0.98, -0.1), (0.0, -0.82), (-0.98, -0.1), (-0.95, 1.3), (-1.35, 1.6)),
        )
    )
    pen.fill(shape, mix((250, 248, 252), worn.tone, 0.15), 0.05)


HATS: dict[str, Callable[[Pen, Worn], None]] = {
    "beret": _beret,
    "cap": _cap,
    "peaked_cap": _peaked_cap,
    "straw_hat": _straw_hat,
    "witch_hat": _witch_hat,
    "top_hat": _top_hat,
    "hood": _hood,
    "veil": _veil,
}
"""How to draw each kind."""

CROWNS = {
    "beret": -1.5,
    "cap": -1.25,
    "peaked_cap": -1.5,
    "straw_hat": -1.53,
    "witch_hat": -2.1,
    "top_hat": -1.72,
    "hood": -1.3,
    "veil": -1.25,
}
"""How high each kind reaches, in head units above the middle of the head."""
