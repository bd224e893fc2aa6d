"""On the face: glasses, patches, moles and marks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model.synthesis.curve import closed, ellipse, points
from model.synthesis.palette import WHITE, darker, mix
from model.synthesis.pen import Pen
from model.synthesis.worn_ornament import Worn

__all__ = ["MARKS"]


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


MARKS: dict[str, Callable[[Pen, Worn], None]] = {
    "glasses": _glasses,
    "eyepatch": _eyepatch,
    "mole": _mole,
    "scar": _scar,
    "fang": _fang,
    "freckles": _freckles,
    "blush": _blush,
    "face_mark": _face_mark,
}
"""Drawing function of each kind."""
