"""The body under the head: torso, arms and legs, in the clothes of one outfit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.synthesis.curve import Points, closed, ellipse, flowing, moved, points, ribbon
from model.synthesis.outfit import Outfit
from model.synthesis.palette import Colour, Scheme, darker, lighter
from model.synthesis.pen import Pen
from model.synthesis.pose import Arm, Pose
from model.synthesis.traits import Build

__all__ = ["Figure", "draw_arm", "draw_body", "draw_cape", "draw_legs"]

_TOP = 1.62
_OPEN_COLLARS = ("vee", "blazer", "coat", "kimono", "sailor")


@dataclass(frozen=True)
class Figure:
    """What the body's parts need to know together.

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
    def narrow(self) -> float:
        """How much narrower the turned body looks, up to 1."""
        return 1.0 - 0.28 * self.pose.turn**2

    @property
    def hem(self) -> float:
        """How low the torso ends, head units."""
        return _TOP + self.build.torso

    @property
    def tone(self) -> Colour:
        """The colour of the top."""
        return self.outfit.cloth.main


def draw_cape(pen: Pen, figure: Figure) -> None:
    """Draw the cape behind the body, if the outfit has one."""
    if not figure.outfit.cape:
        return
    wide, low = figure.build.shoulders, figure.hem + 0.6 * figure.build.legs
    drift = 0.5 * figure.pose.sway
    right = [(wide * 0.8, _TOP), (wide * 1.35, low * 0.6), (wide * 1.6 + drift, low)]
    left = [(-wide * 1.6 + drift, low), (-wide * 1.35, low * 0.6), (-wide * 0.8, _TOP)]
    tone = figure.outfit.cloth.second
    pen.fill(points(*right, (drift, low * 0.97), *left), tone)
    pen.shade(points((0.5, _TOP), (wide, low * 0.6), (wide * 0.8 + drift, low * 0.98), (0.0, low * 0.9)), darker(tone))


def draw_legs(pen: Pen, figure: Figure) -> None:
    """Draw legs, shoes, and what is worn below the waist."""
    build, outfit, cloth = figure.build, figure.outfit, figure.outfit.cloth
    top, length = figure.hem - 0.25, build.legs
    for side in (-1.0, 1.0):
        hip = side * build.hips * 0.5 * figure.narrow
        step = side * 0.12 + figure.pose.stride * side * 0.35
        spine = points((hip, top), (hip + step * 0.5, top + 0.48 * length), (hip + step, top + 0.93 * length))
        thick = np.array([0.44, 0.31, 0.2]) * (0.8 + 0.25 * build.hips)
        foot = points((hip + step - 0.2, top + 0.9 * length), (hip + step + 0.2, top + 0.9 * length))
        toe = side * (0.16 + 0.1 * abs(figure.pose.turn))
        sole = points(
            (hip + step + 0.22 + toe, top + length + 0.12), (hip + step - 0.22 + toe * 0.5, top + length + 0.12)
        )
        tone = cloth.second if outfit.bottom == "trousers" else figure.colours.skin
        if outfit.legs == "tights" and outfit.bottom != "trousers":
            tone = cloth.legs
        broad = thick * (1.22 if outfit.bottom == "trousers" else 1.0)
        limb = _limb(spine, broad)
        pen.fill(limb, tone)
        pen.shade(_limb(moved(spine, 0.14 * side, 0.0), broad * 0.45), darker(tone, 0.22))
        if outfit.legs in ("socks", "high") and outfit.bottom != "trousers":
            start = 0.35 if outfit.legs == "high" else 0.72
            pen.fill(_limb(_part(spine, start), np.interp([start, 0.75, 1.0], [0, 0.5, 1], thick) * 1.06), cloth.legs)
        pen.fill(np.concatenate((foot, sole)), cloth.shoes)
    _lower(pen, figure, top)


def _limb(spine: Points, widths: Points) -> Points:
    both = ribbon(spine, widths)
    half = len(spine)
    return np.concatenate((flowing(both[:half]), flowing(both[half:])))


def _part(spine: Points, start: float) -> Points:
    t = np.array([start, (start + 1) / 2, 1.0]) * (len(spine) - 1)
    index = np.arange(len(spine))
    return np.stack((np.interp(t, index, spine[:, 0]), np.interp(t, index, spine[:, 1])), axis=1)


def _lower(pen: Pen, figure: Figure, top: float) -> None:
    build, outfit, cloth = figure.build, figure.outfit, figure.outfit.cloth
    waist, hips = build.waist * figure.narrow, build.hips * figure.narrow
    high = figure.hem - 0.75
    if outfit.bottom in ("skirt", "long_skirt"):
        low = top + build.legs * (0.34 if outfit.bottom == "skirt" else 0.8)
        flare = hips + (0.5 if outfit.bottom == "skirt" else 0.65)
        drift = 0.18 * figure.pose.sway
        hem = np.linspace(flare, -flare, 9)
        edge = np.stack((hem + drift, low + 0.09 * (np.arange(9) % 2) - 0.1 * (hem / flare) ** 2), axis=1)
        pen.fill(
            np.concatenate((points((-waist, high), (waist, high), (hips * 1.02, high + 0.55)), edge)), cloth.second
        )
        pen.shade(np.concatenate((points((waist * 0.5, high), (waist, high)), edge[:3])), darker(cloth.second))
        for x, y in edge[1 : -1 : 1 if outfit.pattern == "stripes" else 2]:
            pen.stroke(points((x * 0.55, high + 0.2), (x, y)), cloth.second, width=0.6)
        if outfit.pattern == "checks":
            for share in (0.45, 0.75):
                row = edge * (1.0, share) + (0.0, (1.0 - share) * high)
                pen.band(row * (0.6 + 0.4 * share, 1.0), cloth.accent, 0.05)
        if outfit.belt:
            pen.band(edge - (0.0, 0.16), cloth.trim, 0.08)
    elif outfit.bottom == "shorts":
        low = top + 0.28 * build.legs
        right = [(waist, high), (hips * 1.12, low), (0.1, low), (0.0, low - 0.35)]
        left = [(-0.1, low), (-hips * 1.12, low), (-waist, high)]
        pen.fill(points(*right, *left), cloth.second)
    else:
        pen.fill(
            points((waist, high), (hips, top + 0.25), (0.0, top + 0.4), (-hips, top + 0.25), (-waist, high)),
            cloth.second,
        )


def draw_body(pen: Pen, figure: Figure) -> None:
    """Draw neck and torso with collar, chest and belt."""
    build, colours, outfit, cloth = figure.build, figure.colours, figure.outfit, figure.outfit.cloth
    lean = 0.35 * figure.pose.turn
    neck = points((-0.3, 0.8), (0.3, 0.8), (0.33, _TOP + 0.15), (-0.33, _TOP + 0.15))
    wide = build.shoulders * figure.narrow
    torso = _torso(figure, wide)
    if outfit.collar == "bare":
        chest = _torso(figure, wide * 0.97)
        pen.fill(chest, colours.skin)
        top = figure.hem * 0.0 + _TOP + 0.62
        dress = np.concatenate((points((-wide * 0.8, top), (0.0, top + 0.12), (wide * 0.8, top)), _flank(figure, wide)))
        pen.fill(dress, figure.tone)
        pen.stroke(points((-wide * 0.5, top), (-0.3, _TOP + 0.1)), figure.tone, width=1.6)
        pen.stroke(points((wide * 0.5, top), (0.3, _TOP + 0.1)), figure.tone, width=1.6)
    else:
        pen.fill(torso, figure.tone)
        side = points(
            (wide * 0.55, _TOP + 0.1),
            (wide, _TOP + 0.4),
            (build.waist, figure.hem - 0.9),
            (build.waist * 0.4, figure.hem),
        )
        pen.shade_within(torso, 0.0, side, 0.0, darker(figure.tone, 0.24))
    if build.bust > 0.3 and outfit.collar != "armour":
        for side_ in (-1.0, 1.0):
            curve = points(
                (side_ * 0.15 + lean, _TOP + 1.12), (side_ * 0.45 + lean, _TOP + 1.22), (side_ * 0.78, _TOP + 0.98)
            )
            pen.stroke(flowing(curve), figure.tone, width=0.6)
    _chest(pen, figure, lean)
    pen.fill(neck, colours.skin)
    pen.shade(points((-0.3, 0.9), (0.3, 0.9), (0.31, 1.28), (0.05, 1.42), (-0.3, 1.2)), darker(colours.skin, 0.22))
    _collar(pen, figure, lean)
    if outfit.belt:
        waist = build.waist * figure.narrow
        high = figure.hem - 0.8
        pen.fill(
            points((-waist, high), (waist, high), (waist * 1.04, high + 0.2), (-waist * 1.04, high + 0.2)), cloth.trim
        )
        pen.fill(ellipse(lean * 0.5, high + 0.1, 0.13, 0.11), cloth.accent)


def _flank(figure: Figure, wide: float) -> Points:
    build, low = figure.build, figure.hem
    waist, hips = build.waist * figure.narrow, build.hips * figure.narrow
    return points(
        (wide * 0.8, _TOP + 0.95),
        (waist, low - 0.85),
        (hips, low - 0.1),
        (-hips, low - 0.1),
        (-waist, low - 0.85),
        (-wide * 0.8, _TOP + 0.95),
    )


def _torso(figure: Figure, wide: float) -> Points:
    build, low = figure.build, figure.hem
    waist, hips = build.waist * figure.narrow, build.hips * figure.narrow
    chest = wide * (0.84 + 0.08 * build.bust)
    half = [
        (0.34, _TOP - 0.14),
        (wide * 0.72, _TOP),
        (wide, _TOP + 0.3),
        (chest, _TOP + 0.95),
        (waist, low - 0.85),
        (hips, low - 0.1),
    ]
    return closed(points(*half, *[(-x, y) for x, y in reversed(half)]))


def _chest(pen: Pen, figure: Figure, lean: float) -> None:
    cloth, front = figure.outfit.cloth, figure.outfit.front
    low = figure.hem - 0.8
    if front == "buttons":
        pen.stroke(points((lean, _TOP + 0.2), (lean, low)), figure.tone, width=0.8)
        for y in np.linspace(_TOP + 0.5, low - 0.1, 4):
            pen.fill(ellipse(lean + 0.09, float(y), 0.06, 0.06), cloth.accent, line=0.5)
    elif front == "stripe":
        for y in (_TOP + 0.75, _TOP + 1.05):
            pen.band(points((-0.75, y), (lean, y + 0.05), (0.75, y)), cloth.trim, 0.13)
    elif front == "emblem":
        first, second = figure.colours.emblem
        pen.fill(ellipse(lean - 0.4, _TOP + 0.75, 0.19, 0.19), first, line=0.6)
        pen.dot(points((lean - 0.4, _TOP + 0.61), (lean - 0.28, _TOP + 0.82), (lean - 0.52, _TOP + 0.82)), second)
    elif front == "apron":
        pen.fill(
            points((-0.5 + lean, _TOP + 0.35), (0.5 + lean, _TOP + 0.35), (0.62, figure.hem), (-0.62, figure.hem)),
            lighter(cloth.trim, 0.6),
        )


def _collar(pen: Pen, figure: Figure, lean: float) -> None:
    kind, cloth, skin = figure.outfit.collar, figure.outfit.cloth, figure.colours.skin
    y = _TOP - 0.12
    if kind in _OPEN_COLLARS:
        deep = {"vee": 0.55, "blazer": 0.95, "coat": 0.8, "kimono": 0.75, "sailor": 0.6}[kind]
        inside = skin if kind in ("vee", "sailor", "kimono") else lighter(cloth.trim, 0.75)
        pen.fill(points((-0.34, y), (0.34, y), (lean, y + deep)), inside, line=0.6)
        if kind in ("blazer", "coat"):
            pen.fill(points((-0.3, y), (0.3, y), (lean * 0.7, y + 0.34)), skin, line=0.6)
    if kind == "sailor":
        for side in (-1.0, 1.0):
            flap = points(
                (0.3 * side, y),
                (0.85 * side, y + 0.18),
                (0.8 * side + lean, y + 0.62),
                (lean, y + 0.72),
                (0.12 * side, y + 0.3),
            )
            pen.fill(flap, cloth.second)
            pen.band(flap[1:4] * (0.9, 1.0) + (0.0, -0.07), cloth.trim, 0.04)
    elif kind in ("blazer", "coat"):
        for side in (-1.0, 1.0):
            lapel = points(
                (0.3 * side, y - 0.08), (0.62 * side, y + 0.16), (0.55 * side + lean, y + 0.5), (lean, y + 1.0)
            )
            pen.fill(lapel, darker(figure.tone, 0.12) if kind == "blazer" else cloth.trim)
    elif kind == "shirt":
        for side in (-1.0, 1.0):
            pen.fill(
                points(
                    (0.05 * side + lean * 0.5, y + 0.24), (0.36 * side, y - 0.12), (0.5 * side + lean * 0.5, y + 0.34)
                ),
                lighter(cloth.trim, 0.7),
            )
    elif kind == "kimono":
        pen.band(points((-0.38, y - 0.1), (lean, y + 0.75), (lean + 0.25, y + 1.1)), cloth.trim, 0.16)
        pen.band(points((0.38, y - 0.1), (lean, y + 0.75)), cloth.trim, 0.16)
        wide = figure.build.waist * figure.narrow * 1.08
        pen.fill(points((-wide, y + 1.25), (wide, y + 1.25), (wide, y + 1.9), (-wide, y + 1.9)), cloth.accent)
    elif kind == "turtle":
        pen.fill(points((-0.36, y - 0.32), (0.36, y - 0.32), (0.4, y + 0.16), (-0.4, y + 0.16)), figure.tone)
    elif kind == "hood":
        pen.fill(
            closed(
                points(
                    (-0.75, y - 0.02),
                    (0.0, y + 0.32),
                    (0.75, y - 0.02),
                    (0.6, y + 0.35),
                    (0.0, y + 0.62),
                    (-0.6, y + 0.35),
                )
            ),
            darker(figure.tone, 0.08),
        )
        for side in (-1.0, 1.0):
            pen.band(points((0.2 * side + lean, y + 0.5), (0.22 * side + lean, y + 1.1)), cloth.trim, 0.05)
    elif kind == "armour":
        for side in (-1.0, 1.0):
            pen.fill(
                ellipse(side * figure.build.shoulders * figure.narrow * 0.9, y + 0.35, 0.42, 0.34, 0.4 * side),
                cloth.trim,
            )
        pen.fill(
            closed(
                points(
                    (-0.7, y + 0.45), (0.0, y + 0.3), (0.7, y + 0.45), (0.6, y + 1.2), (0.0, y + 1.5), (-0.6, y + 1.2)
                )
            ),
            cloth.trim,
        )
        pen.gleam(ellipse(-0.3 + lean, y + 0.75, 0.1, 0.26, 0.3), lighter(cloth.trim, 0.5))
    elif kind == "frill":
        for x in np.linspace(-0.6, 0.6, 6):
            pen.fill(
                ellipse(float(x) + lean * 0.4, y + 0.32 - 0.3 * float(x) ** 2, 0.17, 0.17),
                lighter(cloth.trim, 0.7),
                line=0.7,
            )
    elif kind == "round":
        pen.band(flowing(points((-0.38, y), (lean * 0.5, y + 0.3), (0.38, y))), cloth.trim, 0.09)
    _neckwear(pen, figure, lean, y)


def _neckwear(pen: Pen, figure: Figure, lean: float, y: float) -> None:
    tone, front = figure.outfit.cloth.accent, figure.outfit.front
    if front == "tie":
        pen.fill(
            points(
                (lean - 0.12, y + 0.26),
                (lean + 0.12, y + 0.26),
                (lean + 0.18, y + 1.2),
                (lean, y + 1.4),
                (lean - 0.18, y + 1.2),
            ),
            tone,
        )
        pen.fill(
            points((lean - 0.13, y + 0.2), (lean + 0.13, y + 0.2), (lean + 0.08, y + 0.4), (lean - 0.08, y + 0.4)), tone
        )
    elif front == "bow":
        at = y + 0.5
        for side in (-1.0, 1.0):
            pen.fill(points((lean, at), (lean + 0.15 * side, at + 0.55), (lean + 0.3 * side, at + 0.45)), tone)
            wing = points(
                (lean, at),
                (lean + 0.3 * side, at - 0.22),
                (lean + 0.5 * side, at - 0.12),
                (lean + 0.48 * side, at + 0.18),
                (lean + 0.2 * side, at + 0.16),
            )
            pen.fill(closed(wing), tone)
        pen.fill(ellipse(lean, at, 0.11, 0.11), darker(tone, 0.12))


def draw_arm(pen: Pen, figure: Figure, side: float, arm: Arm) -> None:
    """Draw one arm (`side` -1 left, 1 right) with sleeve and hand."""
    build, outfit, cloth = figure.build, figure.outfit, figure.outfit.cloth
    upper, fore = 0.5 * build.torso + 0.12, 0.45 * build.torso + 0.12
    shoulder = np.array([side * (build.shoulders * figure.narrow - 0.18), _TOP + 0.32])
    elbow = shoulder + upper * np.array([side * np.sin(arm[0]), np.cos(arm[0])])
    hand = elbow + fore * np.array([side * np.sin(arm[1]), np.cos(arm[1])])
    thick = 0.17 + 0.05 * build.shoulders
    spine = np.stack((shoulder, elbow, hand))
    palm = hand + 0.2 * (hand - elbow) / fore
    glove = cloth.trim if outfit.gloves else figure.colours.skin
    pen.fill(ellipse(float(palm[0]), float(palm[1]), 0.19, 0.23, -side * arm[1]), glove)
    ahead = (hand - elbow) / fore
    across = np.array([-ahead[1], ahead[0]])
    for spread in (-0.11, 0.0, 0.11):
        finger = np.stack((palm + across * spread, palm + across * spread * 1.5 + ahead * 0.3))
        pen.fill(ribbon(finger, np.array([0.06, 0.045])), glove, line=0.7)
    if outfit.sleeve != "long":
        pen.fill(_limb(spine, np.array([thick, thick * 0.82, thick * 0.62])), figure.colours.skin)
    if outfit.sleeve == "long":
        sleeve = _limb(spine, np.array([thick * 1.2, thick, thick * 0.86]))
    elif outfit.sleeve == "wide":
        sleeve = _limb(spine, np.array([thick * 1.15, thick * 1.3, thick * 2.2]))
    elif outfit.sleeve == "short":
        sleeve = _limb(np.stack((shoulder, (shoulder + elbow) / 2)), np.array([thick * 1.2, thick * 1.4]))
    else:
        return
    tone = figure.tone if outfit.collar != "bare" else cloth.second
    pen.fill(sleeve, tone)
    middle = moved(spine, 0.09 * side, 0.0)
    if outfit.sleeve != "short":
        pen.shade(_limb(middle, np.array([0.4, 0.45, 0.4]) * thick), darker(tone, 0.22))
        pen.band(np.stack((hand - across * thick * 0.8, hand + across * thick * 0.8)), cloth.trim, 0.1)
