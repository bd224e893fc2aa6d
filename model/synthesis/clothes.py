"""Clothes on the torso: collars, chest and neckwear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.synthesis.curve import closed, ellipse, flowing, moved, points
from model.synthesis.outfit import Outfit
from model.synthesis.palette import Colour, Scheme, darker, lighter
from model.synthesis.pen import Pen
from model.synthesis.pose import Pose
from model.synthesis.shapes import Build

__all__ = ["TOP", "Figure", "draw_chest", "draw_collar"]

TOP = 1.46
"""Height of the shoulders, head units below the head's middle."""

_OPEN = {"vee": 0.5, "blazer": 0.95, "coat": 0.8, "kimono": 0.75, "sailor": 0.62}
_SIDES = (-1.0, 1.0)


@dataclass(frozen=True)
class Figure:
    """Measures that the parts of the body share.

    Attributes:
        build: Shape of the body.
        colours: The character's colours.
        outfit: What it wears.
        pose: How it stands.
    """

    build: Build
    colours: Scheme
    outfit: Outfit
    pose: Pose

    @property
    def shoulders(self) -> float:
        """Visible half width of the shoulders, head units."""
        return self.build.shoulders * self._narrow

    @property
    def waist(self) -> float:
        """Visible half width of the waist."""
        return self.build.waist * self._narrow

    @property
    def hips(self) -> float:
        """Visible half width of the hips."""
        return self.build.hips * self._narrow

    @property
    def hem(self) -> float:
        """Lower end of the torso, head units."""
        return TOP + self.build.torso

    @property
    def tone(self) -> Colour:
        """The colour of the top."""
        return self.outfit.cloth.main

    @property
    def _narrow(self) -> float:
        return 1.0 - 0.28 * self.pose.turn**2


def draw_chest(pen: Pen, figure: Figure, lean: float) -> None:
    """Draw the front of the top; `lean` is the sideways shift of its middle."""
    cloth, front, low = figure.outfit.cloth, figure.outfit.front, figure.hem - 0.8
    if front == "buttons":
        pen.stroke(points((lean, TOP + 0.2), (lean, low)), figure.tone, width=0.8)
        for y in np.linspace(TOP + 0.5, low - 0.1, 4):
            pen.fill(ellipse(lean + 0.09, float(y), 0.06, 0.06), cloth.accent, line=0.5)
    elif front == "stripe":
        for y in (TOP + 0.75, TOP + 1.05):
            pen.band(points((-0.72, y), (lean, y + 0.05), (0.72, y)), cloth.trim, 0.13)
    elif front == "emblem":
        first, second = figure.colours.emblem
        pen.fill(ellipse(lean - 0.4, TOP + 0.75, 0.19, 0.19), first, line=0.6)
        pen.dot(points((lean - 0.4, TOP + 0.61), (lean - 0.28, TOP + 0.82), (lean - 0.52, TOP + 0.82)), second)
    elif front == "apron":
        bib = points((lean - 0.48, TOP + 0.4), (lean + 0.48, TOP + 0.4), (0.6, figure.hem), (-0.6, figure.hem))
        pen.fill(bib, lighter(cloth.trim, 0.6))


def draw_collar(pen: Pen, figure: Figure, lean: float) -> None:
    """Draw the collar and neckwear."""
    kind, cloth, skin, y = figure.outfit.collar, figure.outfit.cloth, figure.colours.skin, TOP - 0.12
    if kind in _OPEN:
        deep = _OPEN[kind]
        inside = skin if kind in ("vee", "sailor", "kimono") else lighter(cloth.trim, 0.75)
        pen.dot(points((-0.25, y + 0.04), (0.25, y + 0.04), (lean, y + deep)), inside)
        pen.stroke(points((-0.27, y), (lean, y + deep), (0.27, y)), figure.tone)
        if kind in ("blazer", "coat"):
            pen.dot(points((-0.22, y), (0.22, y), (lean * 0.7, y + 0.3)), skin)
    if kind == "sailor":
        _sailor(pen, figure, lean, y)
    elif kind in ("blazer", "coat"):
        for side in _SIDES:
            lapel = points(
                (0.25 * side, y - 0.08), (0.55 * side, y + 0.16), (0.5 * side + lean, y + 0.5), (lean, y + 1.0)
            )
            pen.fill(lapel, darker(figure.tone, 0.12) if kind == "blazer" else cloth.trim)
    elif kind == "shirt":
        for side in _SIDES:
            flap = points(
                (0.02 * side + lean * 0.5, y + 0.26), (0.27 * side, y - 0.1), (0.46 * side + lean * 0.5, y + 0.34)
            )
            pen.fill(flap, lighter(cloth.trim, 0.7))
    elif kind == "kimono":
        pen.band(points((-0.29, y - 0.06), (lean, y + 0.75), (lean + 0.25, y + 1.1)), cloth.trim, 0.16)
        pen.band(points((0.29, y - 0.06), (lean, y + 0.75)), cloth.trim, 0.16)
        wide = figure.waist * 1.08
        pen.fill(points((-wide, y + 1.25), (wide, y + 1.25), (wide, y + 1.85), (-wide, y + 1.85)), cloth.accent)
    elif kind == "turtle":
        pen.fill(points((-0.27, y - 0.2), (0.27, y - 0.2), (0.31, y + 0.14), (-0.31, y + 0.14)), figure.tone)
    elif kind == "hood":
        rim = points(
            (-0.66, y - 0.04), (0.0, y + 0.3), (0.66, y - 0.04), (0.56, y + 0.33), (0.0, y + 0.58), (-0.56, y + 0.33)
        )
        pen.fill(closed(rim), darker(figure.tone, 0.08))
        for side in _SIDES:
            pen.band(points((0.2 * side + lean, y + 0.5), (0.22 * side + lean, y + 1.1)), cloth.trim, 0.05)
    elif kind == "armour":
        _armour(pen, figure, lean, y)
    elif kind == "frill":
        for x in (-0.55, -0.33, -0.11, 0.11, 0.33, 0.55):
            frill = ellipse(x + lean * 0.4, y + 0.3 - 0.3 * x**2, 0.16, 0.16)
            pen.fill(frill, lighter(cloth.trim, 0.7), line=0.7)
    elif kind == "round":
        pen.band(flowing(points((-0.29, y + 0.02), (lean * 0.5, y + 0.26), (0.29, y + 0.02))), cloth.trim, 0.09)
    _neckwear(pen, figure, lean, y)


def _sailor(pen: Pen, figure: Figure, lean: float, y: float) -> None:
    cloth = figure.outfit.cloth
    for side in _SIDES:
        flap = points((0.25, y), (0.74, y + 0.14), (0.7, y + 0.55), (0.0, y + 0.72), (0.1, y + 0.3)) * (side, 1.0)
        flap[2:4, 0] += lean
        pen.fill(flap, cloth.second)
        pen.band(moved(flap[1:4] * (0.88, 1.0), 0.0, -0.07), cloth.trim, 0.045)


def _armour(pen: Pen, figure: Figure, lean: float, y: float) -> None:
    tone = figure.outfit.cloth.trim
    for side in _SIDES:
        pen.fill(ellipse(side * figure.shoulders * 0.9, y + 0.38, 0.4, 0.34, 0.4 * side), tone)
    plate = points(
        (-0.66, y + 0.45), (0.0, y + 0.3), (0.66, y + 0.45), (0.58, y + 1.15), (0.0, y + 1.42), (-0.58, y + 1.15)
    )
    pen.fill(closed(plate), tone)
    pen.gleam(ellipse(-0.3 + lean, y + 0.75, 0.09, 0.24, 0.3), lighter(tone, 0.5))


def _neckwear(pen: Pen, figure: Figure, lean: float, y: float) -> None:
    tone, front = figure.outfit.cloth.accent, figure.outfit.front
    if front == "tie":
        blade = points((-0.1, 0.3), (0.1, 0.3), (0.16, 1.15), (0.0, 1.34), (-0.16, 1.15))
        knot = points((-0.13, 0.2), (0.13, 0.2), (0.09, 0.38), (-0.09, 0.38))
        pen.fill(moved(blade, lean, y), tone)
        pen.fill(moved(knot, lean, y), darker(tone, 0.1))
    elif front == "bow":
        at = y + 0.46
        for side in _SIDES:
            tail = points((0.0, 0.0), (0.13, 0.55), (0.3, 0.45)) * (side, 1.0)
            wing = points((0.0, 0.0), (0.28, -0.22), (0.48, -0.13), (0.46, 0.17), (0.2, 0.15)) * (side, 1.0)
            pen.fill(moved(tail, lean, at), darker(tone, 0.12))
            pen.fill(closed(moved(wing, lean, at)), tone)
        pen.fill(ellipse(lean, at, 0.1, 0.11), darker(tone, 0.12))
