"""What a head wears or grows: ears, horns, hats, ribbons, glasses and the like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.synthesis.curve import Points, arc, closed, ellipse, flowing, pair, points, ribbon
from model.synthesis.palette import WHITE, Cloth, Colour, Scheme, darker, lighter, mix
from model.synthesis.pen import Pen
from model.synthesis.traits import Eyes, Ornament

__all__ = ["BEHIND", "HATS", "Worn", "draw_ornament"]

BEHIND = frozenset({"wings", "tail", "halo_back"})
"""Kinds that are drawn before everything else, behind the body."""

HATS = frozenset({"beret", "cap", "straw_hat", "witch_hat", "peaked_cap", "top_hat", "hood"})
"""Kinds that cover the top of the head."""


@dataclass(frozen=True)
class Worn:
    """An ornament with what its drawing needs.

    Attributes:
        ornament: Kind, side, size and place.
        colours: The character's colours.
        cloth: The colours of the outfit.
        eyes: Where the eyes are.
        volume: How far hair stands off the skull, head units.
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
        """How high the hair reaches, a negative number."""
        return -1.05 - self.volume


def draw_ornament(pen: Pen, worn: Worn) -> None:
    """Draw one ornament; kinds that are part of the face draw what stays to be drawn of them."""
    maker = _MAKERS.get(worn.ornament.kind)
    if maker is not None:
        maker(pen, worn)


def _beast_ears(pen: Pen, worn: Worn) -> None:
    size, lift = worn.ornament.size, worn.ornament.lift
    wide, tall, out, round_ = {
        "cat_ears": (0.36, 0.62, 0.18, False),
        "fox_ears": (0.42, 0.92, 0.22, False),
        "bear_ears": (0.33, 0.34, 0.1, True),
    }[worn.ornament.kind]
    wide, tall = wide * size, tall * size * (1.0 + 0.1 * lift)
    for side in (-1.0, 1.0):
        x, y = 0.66, worn.crown + 0.34
        if round_:
            pen.fill(ellipse(side * 0.82, y - 0.18, wide, wide), worn.tone, -0.1)
            pen.shade(
                ellipse(side * 0.84, y - 0.16, wide * 0.6, wide * 0.6),
                mix(worn.colours.skin, (220, 130, 130), 0.35),
                -0.1,
            )
            continue
        outer = points(
            (x - wide, y - 0.12),
            (x - wide * 0.2 + out, y - tall * 0.7),
            (x + out + 0.1, y - tall),
            (x + wide * 0.8 + out * 0.5, y - tall * 0.4),
            (x + wide * 0.85, y + 0.3),
        )
        pen.fill(outer * (side, 1.0), worn.tone, -0.05)
        inner = points((x - wide * 0.55, y - 0.1), (x + out + 0.07, y - tall * 0.82), (x + wide * 0.62, y + 0.12))
        pen.dot(inner * (side, 1.0), mix(worn.colours.skin, (226, 140, 140), 0.4) if pen.ink.filled else WHITE, -0.05)
        tuft = points((x - wide * 0.6, y), (x - wide * 0.1, y - tall * 0.4), (x + 0.05, y))
        pen.shade(tuft * (side, 1.0), lighter(worn.tone, 0.5), -0.02)


def _dog_ears(pen: Pen, worn: Worn) -> None:
    size = worn.ornament.size
    for side in (-1.0, 1.0):
        drop = closed(
            points(
                (0.6, worn.crown + 0.1),
                (1.0, worn.crown + 0.1),
                (1.28 * size, worn.crown + 0.75),
                (1.2, worn.crown + 1.3 * size),
                (0.95, worn.crown + 0.9),
            )
        )
        pen.fill(drop * (side, 1.0), worn.tone, 0.1)
        pen.shade(
            closed(points((0.95, worn.crown + 0.5), (1.2, worn.crown + 0.8), (1.12, worn.crown + 1.15))) * (side, 1.0),
            darker(worn.tone, 0.25),
            0.1,
        )


def _rabbit_ears(pen: Pen, worn: Worn) -> None:
    size, bend = 1.1 * worn.ornament.size, worn.ornament.lift
    tone = worn.tone if worn.ornament.paint != "accent" else (246, 242, 244)
    for side in (-1.0, 1.0):
        fold = 0.55 if bend > 0.3 and side > 0 else 0.15
        spine = points(
            (0.42 * side, worn.crown + 0.2),
            (0.5 * side, worn.crown - 0.55 * size),
            (0.5 * side + fold * side, worn.crown - 1.15 * size),
        )
        outline = ribbon(flowing(spine), 0.23 * size * np.sin(np.linspace(0.6, 3.0, 15)))
        pen.fill(outline, tone, -0.05)
        pen.dot(
            ribbon(flowing(spine)[2:13], 0.11 * size * np.sin(np.linspace(0.4, 3.0, 11))),
            mix(worn.colours.skin, (230, 140, 150), 0.4),
            -0.05,
        )


def _horns(pen: Pen, worn: Worn) -> None:
    size, curl = worn.ornament.size, 0.3 * worn.ornament.lift
    for side in (-1.0, 1.0):
        spine = points(
            (0.5, worn.crown + 0.25),
            (0.72 + curl * 0.3, worn.crown - 0.15 * size),
            (0.72 + curl, worn.crown - 0.62 * size),
        ) * (side, 1.0)
        line = flowing(spine)
        pen.fill(ribbon(line, 0.17 * size * np.linspace(1.0, 0.05, len(line))), worn.tone, 0.1)
        pen.gleam(ribbon(line[:10] - (0.05, 0.0), 0.03 * np.linspace(1.0, 0.2, 10)), lighter(worn.tone, 0.4), 0.1)


def _ram_horns(pen: Pen, worn: Worn) -> None:
    size = worn.ornament.size
    for side in (-1.0, 1.0):
        turn = np.linspace(-2.2, 2.9, 22)
        far = 0.44 * size * np.linspace(1.0, 0.55, 22)
        line = pair(side * (0.98 + far * np.cos(turn)), -0.42 + far * np.sin(turn))
        pen.fill(ribbon(line, 0.19 * size * np.linspace(1.0, 0.12, 22)), worn.tone, 0.1)
        for step in range(3, 20, 4):
            way = np.array([np.cos(turn[step]) * side, np.sin(turn[step])]) * 0.13 * size
            pen.stroke(np.stack((line[step] - way, line[step] + way)), worn.tone, 0.1, width=0.6)


def _unicorn(pen: Pen, worn: Worn) -> None:
    tall = 0.95 * worn.ornament.size
    lean = 0.3 * worn.ornament.lift
    pen.fill(points((-0.13, -0.72), (0.13, -0.72), (lean, -0.8 - tall)), worn.tone, 0.65)
    for step in (0.2, 0.42, 0.62):
        wide = 0.13 * (1.0 - step)
        x, y = lean * step, -0.72 - (tall + 0.08) * step
        pen.stroke(points((x - wide, y + 0.05), (x + wide, y - 0.05)), worn.tone, 0.65, width=0.6)


def _antlers(pen: Pen, worn: Worn) -> None:
    size = worn.ornament.size
    for side in (-1.0, 1.0):
        stem = flowing(
            points((0.45, worn.crown + 0.25), (0.75, worn.crown - 0.3 * size), (0.7, worn.crown - 0.85 * size))
            * (side, 1.0)
        )
        pen.fill(ribbon(stem, 0.09 * np.linspace(1.0, 0.3, len(stem))), worn.tone, 0.0)
        for at, far in ((6, 0.42), (10, 0.32)):
            twig = np.stack((stem[at], stem[at] + (far * 0.8 * side * size, -far * size)))
            pen.fill(ribbon(twig, np.array([0.07, 0.02])), worn.tone, 0.0)


def _halo(pen: Pen, worn: Worn) -> None:
    size = 0.62 * worn.ornament.size
    y = worn.crown - 0.42
    outer = ellipse(0.0, y, size, size * 0.3, 0.1 * worn.ornament.lift)
    ring = np.concatenate((outer, outer[:1]))
    glow = mix(worn.colours.jewel, (255, 244, 190), 0.35)
    pen.band(ring, darker(glow, 0.3), 0.13)
    pen.band(ring, lighter(glow, 0.3), 0.07)


def _glasses(pen: Pen, worn: Worn) -> None:
    eyes, tone = worn.eyes, darker(worn.tone, 0.4)
    rx, ry = eyes.width * 1.38, eyes.height * (1.1 if worn.ornament.lift > 0 else 1.3)
    for side in (-1.0, 1.0):
        x, y = eyes.apart * 1.04 * side, eyes.level + 0.05
        if worn.ornament.lift > 0:
            rim = points(
                (x - rx, y - ry * 0.7),
                (x + rx, y - ry * 0.7),
                (x + rx * 0.9, y + ry),
                (x - rx * 0.9, y + ry),
                (x - rx, y - ry * 0.7),
            )
        else:
            rim = np.concatenate((ellipse(x, y, rx, ry), ellipse(x, y, rx, ry)[:1]))
        pen.band(rim, tone, 0.045, 0.66)
        pen.band(points((x + rx * side, y - 0.1), (0.98 * side, y - 0.14)), tone, 0.04, np.array([0.66, 0.0]))
    pen.band(points((-0.12, eyes.level), (0.0, eyes.level - 0.04), (0.12, eyes.level)), tone, 0.045, 0.7)


def _eyepatch(pen: Pen, worn: Worn) -> None:
    x, y = worn.eyes.apart * worn.ornament.side, worn.eyes.level
    tone = (44, 40, 50) if worn.ornament.lift > 0 else (244, 242, 240)
    pen.band(points((-0.95, y - 0.35), (x, y), (0.95, y - 0.2)), tone, 0.05, 0.5)
    pen.fill(
        closed(points((x - 0.3, y - 0.24), (x + 0.3, y - 0.24), (x + 0.2, y + 0.26), (x - 0.2, y + 0.26))), tone, 0.66
    )


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


def _mole(pen: Pen, worn: Worn) -> None:
    x, y = (0.42, worn.eyes.level + 0.38) if worn.ornament.lift > -0.3 else (0.24, 0.93)
    pen.dot(ellipse(x * worn.ornament.side, y, 0.028, 0.028), (70, 44, 44), 0.64)


def _scar(pen: Pen, worn: Worn) -> None:
    x, y = 0.45 * worn.ornament.side, worn.eyes.level
    pen.band(
        points((x - 0.08, y - 0.42), (x + 0.06, y + 0.55)), mix(worn.colours.skin, (170, 70, 70), 0.6), 0.045, 0.64
    )


def _fang(pen: Pen, worn: Worn) -> None:
    x = 0.1 * worn.ornament.side
    pen.dot(points((x - 0.04, 0.8), (x + 0.04, 0.8), (x, 0.89)), WHITE, 0.74)


def _freckles(pen: Pen, worn: Worn) -> None:
    tone = mix(worn.colours.skin, (170, 90, 60), 0.5)
    for side in (-1.0, 1.0):
        for x, y in ((0.42, 0.66), (0.52, 0.71), (0.61, 0.65)):
            pen.dot(ellipse(side * x, y, 0.022, 0.022), tone, 0.64)


def _blush(pen: Pen, worn: Worn) -> None:
    for side in (-1.0, 1.0):
        pen.shade(ellipse(0.56 * side, 0.67, 0.16, 0.08), mix(worn.colours.skin, (246, 130, 130), 0.35), 0.6)


def _face_mark(pen: Pen, worn: Worn) -> None:
    if worn.ornament.lift > 0.3:
        pen.dot(points((-0.06, -0.18), (0.0, -0.3), (0.06, -0.18), (0.0, -0.04)), worn.tone, 0.8)
        return
    for side in (-1.0, 1.0):
        if worn.ornament.lift < -0.3 and side != worn.ornament.side:
            continue
        pen.dot(points((0.4 * side, 0.62), (0.72 * side, 0.55), (0.5 * side, 0.69)), worn.tone, 0.62)
        pen.dot(points((0.42 * side, 0.73), (0.68 * side, 0.7), (0.5 * side, 0.79)), worn.tone, 0.62)


def _wings(pen: Pen, worn: Worn) -> None:
    dark = worn.ornament.lift > 0.2
    tone = (60, 50, 66) if dark else mix((250, 248, 252), worn.tone, 0.08)
    size = 1.2 * worn.ornament.size
    for side in (-1.0, 1.0):
        far = np.array([1.2, 2.3, 2.2, 1.9, 1.5, 1.0])
        high = np.array([1.5, 0.5, 1.6, 2.3, 2.8, 3.1]) - (0.3 if dark else 0.0)
        valleys = points((0.4, 2.3), (1.4, 1.7), (1.35, 2.1), (1.1, 2.4), (0.8, 2.6), (0.4, 2.7))
        both = np.stack((valleys, pair(far * size, high)), axis=1).reshape(-1, 2)
        shape = np.concatenate((points((0.2, 2.0)), both[1:], points((0.2, 2.7))))
        pen.fill(shape * (side, 1.0), tone)


def _tail_(pen: Pen, worn: Worn) -> None:
    side = worn.ornament.side
    fluffy = worn.ornament.lift > 0
    spine = flowing(points((0.2, 4.0), (1.2, 4.6), (1.9, 3.9), (2.0 if fluffy else 1.7, 2.9)) * (side, 1.0))
    swell = np.sin(np.linspace(0.25, 3.0, len(spine)))
    width = 0.5 * swell if fluffy else 0.05 + 0.09 * swell
    pen.fill(ribbon(spine, width), worn.tone)
    if fluffy:
        pen.shade(ribbon(spine[-8:], width[-8:]), lighter(worn.tone, 0.6))


def _veil(pen: Pen, worn: Worn) -> None:
    reach = 1.15 + worn.volume
    shape = np.concatenate(
        (
            arc(0.0, -0.1, reach, reach, np.pi, 2 * np.pi, 18),
            points((1.35, 1.6), (0.95, 1.3), (0.98, -0.1), (0.0, -0.82), (-0.98, -0.1), (-0.95, 1.3), (-1.35, 1.6)),
        )
    )
    pen.fill(shape, mix((250, 248, 252), worn.tone, 0.15), 0.05)


_MAKERS: dict[str, Callable[[Pen, Worn], None]] = {
    "cat_ears": _beast_ears,
    "fox_ears": _beast_ears,
    "bear_ears": _beast_ears,
    "dog_ears": _dog_ears,
    "rabbit_ears": _rabbit_ears,
    "horns": _horns,
    "ram_horns": _ram_horns,
    "unicorn": _unicorn,
    "antlers": _antlers,
    "halo": _halo,
    "glasses": _glasses,
    "eyepatch": _eyepatch,
    "headphones": _headphones,
    "band": _band,
    "head_ribbon": _head_ribbon,
    "hair_clip": _hair_clip,
    "flower": _flower,
    "tiara": _tiara,
    "beret": _beret,
    "cap": _cap,
    "peaked_cap": _peaked_cap,
    "straw_hat": _straw_hat,
    "witch_hat": _witch_hat,
    "top_hat": _top_hat,
    "hood": _hood,
    "goggles": _goggles,
    "earrings": _earrings,
    "choker": _choker,
    "scarf": _scarf,
    "mole": _mole,
    "scar": _scar,
    "fang": _fang,
    "freckles": _freckles,
    "blush": _blush,
    "face_mark": _face_mark,
    "wings": _wings,
    "tail": _tail_,
    "veil": _veil,
}
