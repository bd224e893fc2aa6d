"""Body parts of animals and spirits: ears, horns, halo, wings and tail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model.synthesis.curve import closed, ellipse, flowing, pair, points, ribbon
from model.synthesis.palette import WHITE, darker, lighter, mix
from model.synthesis.pen import Pen
from model.synthesis.worn_ornament import Worn

__all__ = ["GROWN"]


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


GROWN: dict[str, Callable[[Pen, Worn], None]] = {
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
    "wings": _wings,
    "tail": _tail_,
}
"""Drawing function of each kind."""
