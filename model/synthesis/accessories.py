"""Accessories: ribbons, flowers, clips, headphones, jewellery."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model.synthesis.curve import arc, closed, ellipse, flowing, pair, points, ribbon
from model.synthesis.palette import WHITE, Colour, darker, lighter, mix
from model.synthesis.pen import Pen
from model.synthesis.worn_ornament import Worn

__all__ = ["TRINKETS"]


def _headphones(pen: Pen, worn: Worn) -> None:
    reach = 1.1 + worn.volume
    band = arc(0.0, 0.1, reach, reach * 1.08, 1.02 * np.pi, 1.98 * np.pi, 16)
    pen.band(band, darker(worn.tone, 0.3), 0.13)
    for side in (-1.0, 1.0):
        pen.fill(ellipse(side * reach, 0.25, 0.2, 0.34), worn.tone, 0.0)
        pen.gleam(ellipse(side * reach * 1.02, 0.2, 0.09, 0.17), lighter(worn.tone, 0.45), 0.0)


def _band(pen: Pen, worn: Worn) -> None:
    reach = 0.98 + worn.volume
    line = arc(0.0, -0.05, reach, reach * 0.92, 1.08 * np.pi, 1.92 * np.pi, 14)
    pen.band(line, darker(worn.tone, 0.3), 0.2, 0.15)
    pen.band(line, worn.tone, 0.15, 0.15)
    if worn.ornament.lift > 0.2:
        for place in line[2:-2:2]:
            pen.fill(ellipse(float(place[0]), float(place[1]) - 0.1, 0.12, 0.11), (250, 248, 250), 0.15, line=0.6)


def _bow(pen: Pen, x: float, y: float, size: float, tone: Colour, angle: float) -> None:
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) * size
    for side in (-1.0, 1.0):
        tail = points((0.0, 0.0), (0.12 * side, 0.5), (0.32 * side, 0.42))
        pen.fill(tail @ turn + (x, y), darker(tone, 0.12), 0.3)
        wing = closed(
            points((0.0, 0.0), (0.3 * side, -0.28), (0.52 * side, -0.2), (0.5 * side, 0.16), (0.25 * side, 0.17))
        )
        pen.fill(wing @ turn + (x, y), tone, 0.3)
        fold = points((0.1 * side, -0.02), (0.4 * side, -0.06), (0.36 * side, 0.08))
        pen.shade(fold @ turn + (x, y), darker(tone, 0.25), 0.3)
    pen.fill(ellipse(x, y, 0.11 * size, 0.12 * size), darker(tone, 0.1), 0.3)


def _head_ribbon(pen: Pen, worn: Worn) -> None:
    ornament = worn.ornament
    if ornament.lift > 0.5:
        _bow(pen, 0.0, worn.crown + 0.08, ornament.size * 1.25, worn.tone, 0.0)
    elif ornament.lift < -0.4:
        for side in (-1.0, 1.0):
            _bow(pen, 0.86 * side, -0.62, ornament.size * 0.8, worn.tone, 0.5 * side)
    else:
        _bow(pen, 0.78 * ornament.side, -0.74, ornament.size, worn.tone, 0.5 * ornament.side)


def _hair_clip(pen: Pen, worn: Worn) -> None:
    side, size = worn.ornament.side, worn.ornament.size
    x, y = 0.66 * side, -0.34
    if worn.ornament.lift > 0.35:
        for step in (0.0, 0.14):
            bar = points((x - 0.2, y + step + 0.06), (x + 0.2, y + step - 0.06))
            pen.fill(ribbon(bar, np.array([0.05, 0.05]) * size), worn.tone, 0.5, line=0.6)
    elif worn.ornament.lift < -0.35:
        for angle in (0.75, -0.75):
            cos, sin = np.cos(angle) * 0.22 * size, np.sin(angle) * 0.22 * size
            pen.fill(
                ribbon(points((x - cos, y - sin), (x + cos, y + sin)), np.array([0.055, 0.055])),
                worn.tone,
                0.5,
                line=0.6,
            )
    else:
        turn = np.linspace(0.0, 2 * np.pi, 10, endpoint=False) - np.pi / 2
        far = np.where(np.arange(10) % 2, 0.1, 0.22) * size
        pen.fill(pair(x + far * np.cos(turn), y + far * np.sin(turn)), worn.tone, 0.5, line=0.7)


def _flower(pen: Pen, worn: Worn) -> None:
    side, size = worn.ornament.side, worn.ornament.size
    for x, y, scale in ((0.78 * side, -0.62, 1.0), (1.02 * side, -0.28, 0.7)):
        if scale < 1.0 and worn.ornament.lift < 0.0:
            continue
        pen.fill(ellipse(x + 0.3 * side, y + 0.16, 0.2, 0.1, 0.5 * side), (92, 150, 84), 0.3, line=0.7)
        for turn in np.arange(5) * (2 * np.pi / 5) - 0.3:
            far = 0.2 * size * scale
            petal = ellipse(
                x + far * float(np.cos(turn)), y + far * float(np.sin(turn)), far * 0.85, far * 0.6, float(turn)
            )
            pen.fill(petal, worn.tone, 0.3, line=0.7)
        pen.fill(
            ellipse(x, y, 0.1 * size * scale, 0.1 * size * scale), mix((250, 214, 90), worn.tone, 0.15), 0.3, line=0.6
        )


def _tiara(pen: Pen, worn: Worn) -> None:
    gold = mix((240, 200, 96), worn.colours.jewel, 0.15)
    x = np.linspace(-0.62, 0.62, 9)
    low = pair(x, -0.78 + 0.3 * x**2 + 0.02)
    high = low - pair(0 * x, 0.1 + 0.2 * (np.arange(9) % 2) * (1.0 - np.abs(x)))
    pen.fill(np.concatenate((low, high[::-1])), gold, 0.5)
    pen.fill(ellipse(0.0, -0.86, 0.09, 0.11), worn.tone, 0.55, line=0.6)


def _goggles(pen: Pen, worn: Worn) -> None:
    pen.band(arc(0.0, -0.1, 1.08, 0.72, 1.06 * np.pi, 1.94 * np.pi, 14), (50, 46, 54), 0.16, 0.3)
    for side in (-1.0, 1.0):
        pen.fill(ellipse(0.36 * side, -0.74, 0.33, 0.24), worn.tone, 0.55)
        pen.gleam(ellipse(0.28 * side, -0.8, 0.12, 0.07), WHITE, 0.58)


def _earrings(pen: Pen, worn: Worn) -> None:
    for side in (-1.0, 1.0):
        x, y, drop = 0.95 * side, 0.58, 0.16 + 0.1 * worn.ornament.lift
        pen.stroke(points((x, y), (x, y + drop)), worn.colours.jewel, 0.0, width=0.7)
        pen.fill(ellipse(x, y + drop + 0.07, 0.07, 0.1), worn.tone, 0.0, line=0.7)


def _choker(pen: Pen, worn: Worn) -> None:
    pen.band(flowing(points((-0.25, 1.2), (0.0, 1.29), (0.25, 1.2))), darker(worn.tone, 0.2), 0.13)
    pen.fill(ellipse(0.0, 1.34, 0.08, 0.08), worn.colours.jewel, line=0.6)


def _scarf(pen: Pen, worn: Worn) -> None:
    wrap = closed(points((-0.62, 1.12), (0.0, 1.26), (0.62, 1.12), (0.74, 1.5), (0.0, 1.76), (-0.74, 1.5)))
    side = worn.ornament.side
    pen.fill(
        points((0.25 * side, 1.7), (0.7 * side, 1.65), (0.8 * side, 3.1), (0.35 * side, 3.15)), darker(worn.tone, 0.1)
    )
    pen.fill(wrap, worn.tone)
    pen.stroke(flowing(points((-0.6, 1.3), (0.0, 1.46), (0.6, 1.3))), worn.tone, width=0.7)


TRINKETS: dict[str, Callable[[Pen, Worn], None]] = {
    "headphones": _headphones,
    "band": _band,
    "head_ribbon": _head_ribbon,
    "hair_clip": _hair_clip,
    "flower": _flower,
    "tiara": _tiara,
    "goggles": _goggles,
    "earrings": _earrings,
    "choker": _choker,
    "scarf": _scarf,
}
"""Drawing function of each kind."""
