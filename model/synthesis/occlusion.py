"""Occlusions in front of the figure: bars, discs, petals, a book, a reaching arm."""

from __future__ import annotations

import random

import numpy as np

from model.synthesis.curve import ellipse, flowing, moved, points, ribbon
from model.synthesis.palette import Colour, darker, lighter, vivid
from model.synthesis.pen import Frame, Pen

__all__ = ["occlude"]


def occlude(pen: Pen, skin: Colour, rng: random.Random) -> None:
    """Draw one occlusion; `skin` is the colour of an arm."""
    tone = vivid(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.2, 1.0))
    kind = rng.choices(("bar", "disc", "petals", "book", "arm"), (3, 2, 3, 2, 3))[0]
    # Petals and discs belong to the picture, not to the figure: their unit is the picture's height.
    page = pen.on(Frame.at(0.0, 0.0, float(pen.layer.height)))
    across = pen.layer.width / pen.layer.height
    if kind == "bar":
        _bar(pen, tone, rng)
    elif kind == "disc":
        r = rng.uniform(0.08, 0.16)
        page.fill(ellipse(rng.random() * across, rng.random(), r, r), tone)
    elif kind == "petals":
        for _ in range(8):
            r = rng.uniform(0.012, 0.045)
            petal = ellipse(rng.random() * across, rng.random(), r, r * rng.uniform(0.4, 1.0), rng.uniform(0.0, 3.0))
            page.fill(petal, tone, line=0.5)
    elif kind == "book":
        _book(pen, tone, rng)
    else:
        _arm(pen, skin, tone, rng)


def _bar(pen: Pen, tone: Colour, rng: random.Random) -> None:
    width, height = pen.layer.size
    thick = rng.uniform(0.05, 0.22)
    left, top, right, bottom = rng.choice(
        ((0.0, 0.0, 1.0, thick), (0.0, 1.0 - thick, 1.0, 1.0), (0.0, 0.0, thick, 1.0), (1.0 - thick, 0.0, 1.0, 1.0))
    )
    pen.layer.paste((*tone, 255), (int(left * width), int(top * height), int(right * width), int(bottom * height)))


def _book(pen: Pen, tone: Colour, rng: random.Random) -> None:
    x, y, lean = rng.uniform(-0.5, 0.5), rng.uniform(0.7, 1.6), rng.uniform(-0.2, 0.2)
    cover = points((-0.75, 0.0), (0.0, 0.08), (0.75, 0.0), (0.75 + lean, 1.1), (lean, 1.18), (-0.75 + lean, 1.1))
    pen.fill(moved(cover, x, y), tone)
    pen.stroke(moved(points((0.0, 0.08), (lean, 1.18)), x, y), tone)
    pen.fill(moved(points((-0.5, 0.3), (-0.2, 0.34), (-0.2, 0.6), (-0.5, 0.56)), x, y), lighter(tone, 0.5), line=0.5)


def _arm(pen: Pen, skin: Colour, tone: Colour, rng: random.Random) -> None:
    side = rng.choice((-1.0, 1.0))
    wrist = points((side * rng.uniform(0.5, 1.1), rng.uniform(0.0, 1.0)))[0]
    elbow = wrist + points((side * rng.uniform(0.6, 1.2), rng.uniform(0.9, 1.6)))[0]
    spine = flowing(np.stack((wrist, (wrist + elbow) / 2 + (0.05, 0.1), elbow)))
    ahead = (wrist - elbow) / float(np.hypot(*(wrist - elbow)))
    aside = np.array([-ahead[1], ahead[0]])
    for spread in (-0.14, -0.05, 0.05, 0.14):
        finger = np.stack((wrist + ahead * 0.1 + aside * spread, wrist + ahead * 0.5 + aside * spread * 1.6))
        pen.fill(ribbon(finger, np.array([0.07, 0.05])), skin, line=0.7)
    pen.fill(ribbon(spine, np.linspace(0.13, 0.24, len(spine))), skin)
    pen.fill(moved(ellipse(0.0, 0.0, 0.2, 0.18), *(wrist + ahead * 0.08).tolist()), skin, line=0.7)
    cuff = spine[len(spine) // 3 :]
    pen.fill(ribbon(cuff, np.linspace(0.24, 0.36, len(cuff))), darker(tone, 0.1))
