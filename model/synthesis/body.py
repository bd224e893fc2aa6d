"""The body under the head: torso, arms and legs."""

from __future__ import annotations

import numpy as np

from model.synthesis.clothes import TOP, Figure, draw_chest, draw_collar
from model.synthesis.curve import Points, closed, ellipse, flowing, moved, pair, points, ribbon
from model.synthesis.palette import blushing, darker
from model.synthesis.pen import Pen
from model.synthesis.pose import Arm

__all__ = ["draw_arm", "draw_body", "draw_cape", "draw_legs"]

_CAP = np.array([0.45, 1.0])
_FINGERS = (-0.1, -0.03, 0.04, 0.11)


def draw_cape(pen: Pen, figure: Figure) -> None:
    """Draw the cape behind the body, if the outfit has one."""
    if not figure.outfit.cape:
        return
    wide, low = figure.shoulders, figure.hem + 0.6 * figure.build.legs
    drift = 0.5 * figure.pose.sway
    right = [(wide * 0.8, TOP), (wide * 1.35, low * 0.6), (wide * 1.6 + drift, low)]
    left = [(-wide * 1.6 + drift, low), (-wide * 1.35, low * 0.6), (-wide * 0.8, TOP)]
    tone = figure.outfit.cloth.second
    pen.fill(points(*right, (drift, low * 0.97), *left), tone)
    pen.shade(points((0.5, TOP), (wide, low * 0.6), (wide * 0.8 + drift, low * 0.98), (0.0, low * 0.9)), darker(tone))


def draw_legs(pen: Pen, figure: Figure) -> None:
    """Draw legs, shoes, and clothes below the waist."""
    top = figure.hem - 0.25
    for side in (-1.0, 1.0):
        _leg(pen, figure, side, top)
    bottom = figure.outfit.bottom
    if bottom in ("skirt", "long_skirt"):
        _skirt(pen, figure, top)
        return
    waist, hips, high = figure.waist, figure.hips, figure.hem - 0.75
    if bottom == "shorts":
        low = top + 0.28 * figure.build.legs
        right = [(waist, high), (hips * 1.12, low), (0.1, low), (0.0, low - 0.35)]
        left = [(-0.1, low), (-hips * 1.12, low), (-waist, high)]
    else:
        right = [(waist, high), (hips, top + 0.25), (0.0, top + 0.4)]
        left = [(-hips, top + 0.25), (-waist, high)]
    pen.fill(points(*right, *left), figure.outfit.cloth.second)


def _leg(pen: Pen, figure: Figure, side: float, top: float) -> None:
    build, outfit, cloth = figure.build, figure.outfit, figure.outfit.cloth
    length, clad = build.legs, figure.outfit.bottom == "trousers"
    hip = side * figure.hips * 0.5
    step = side * (0.1 + figure.pose.stride * 0.3)
    spine = points((hip, top), (hip + step * 0.5, top + 0.48 * length), (hip + step, top + 0.93 * length))
    thick = np.array([0.42, 0.29, 0.18]) * (0.8 + 0.25 * build.hips) * (1.22 if clad else 1.0)
    tone = figure.colours.skin
    if clad or outfit.legs == "tights":
        tone = cloth.second if clad else cloth.legs
    pen.fill(_limb(spine, thick), tone)
    pen.shade(_limb(moved(spine, 0.12 * pen.ink.shadow, 0.0), thick * 0.45), darker(tone, 0.22))
    if outfit.legs in ("socks", "high") and not clad:
        start = 0.35 if outfit.legs == "high" else 0.72
        worn = np.interp([start, 0.75, 1.0], [0.0, 0.5, 1.0], thick) * 1.06
        pen.fill(_limb(_rest(spine, start), worn), cloth.legs)
    ankle, toe = hip + step, side * (0.14 + 0.1 * abs(figure.pose.turn))
    shoe = points((-0.19, 0.88), (0.19, 0.88), (0.24 + toe, 1.02), (0.2 + toe, 1.08), (-0.24 + toe, 1.08), (-0.24, 1.0))
    pen.fill(shoe * (1.0, length) + np.array([ankle, top]), cloth.shoes)


def _limb(spine: Points, widths: Points) -> Points:
    both = ribbon(spine, widths)
    half = len(spine)
    return np.concatenate((flowing(both[:half]), flowing(both[half:])))


def _rest(spine: Points, start: float) -> Points:
    """Three points along the part of the spine beyond `start` (0..1)."""
    place = np.array([start, (start + 1) / 2, 1.0]) * (len(spine) - 1)
    index = np.arange(len(spine))
    return pair(np.interp(place, index, spine[:, 0]), np.interp(place, index, spine[:, 1]))


def _skirt(pen: Pen, figure: Figure, top: float) -> None:
    outfit, cloth, waist = figure.outfit, figure.outfit.cloth, figure.waist
    long = outfit.bottom == "long_skirt"
    high, low = figure.hem - 0.75, top + figure.build.legs * (0.8 if long else 0.34)
    flare = figure.hips + (0.6 if long else 0.42)
    drift = 0.18 * figure.pose.sway
    hem = np.linspace(flare, -flare, 9)
    edge = pair(hem + drift, low + 0.09 * (np.arange(9) % 2) - 0.12 * (hem / flare) ** 2)
    hips = figure.hips * 1.02
    pen.fill(
        np.concatenate((points((-hips, high + 0.55), (-waist, high), (waist, high), (hips, high + 0.55)), edge)),
        cloth.second,
    )
    for left, right in ((0, 2), (4, 5), (6, 7)):
        fold = np.concatenate(
            (
                points((float(edge[right, 0]) * 0.5, high), (float(edge[left, 0]) * 0.6, high + 0.1)),
                edge[left : right + 1],
            )
        )
        pen.shade(fold, darker(cloth.second, 0.24))
    for x, y in edge[1 : -1 : 1 if outfit.pattern == "stripes" else 2]:
        pen.stroke(points((x * 0.55, high + 0.2), (x, y)), cloth.second, width=0.6)
    if outfit.pattern == "checks":
        for share in (0.45, 0.75):
            row = edge * (0.6 + 0.4 * share, share) + np.array([0.0, (1.0 - share) * high])
            pen.band(row, cloth.accent, 0.05)
    if outfit.belt:
        pen.band(moved(edge, 0.0, -0.16), cloth.trim, 0.08)


def draw_body(pen: Pen, figure: Figure) -> None:
    """Draw neck and torso with collar, chest and belt."""
    colours, outfit, wide = figure.colours, figure.outfit, figure.shoulders
    lean = 0.35 * figure.pose.turn
    bare = outfit.collar == "bare"
    torso = _torso(figure)
    pen.fill(torso, colours.skin if bare else figure.tone)
    if bare:
        _dress(pen, figure, lean)
    else:
        flank = points((0.55, 0.1), (1.0, 0.4), (0.8, 1.0)) * (wide * pen.ink.shadow, 1.0)
        side = np.concatenate(
            (
                moved(flank, 0.0, TOP),
                points((1.2, figure.hem), (0.4, figure.hem)) * (figure.waist * pen.ink.shadow, 1.0),
            )
        )
        pen.shade_within(torso, 0.0, side, 0.0, darker(figure.tone, 0.24))
    if figure.build.bust > 0.3 and outfit.collar != "armour":
        for side_ in (-1.0, 1.0):
            fold = points((0.1, 1.02), (0.4, 1.15), (0.66, 0.95), (0.4, 1.06)) * (side_, 1.0)
            pen.shade(moved(fold, lean, TOP), darker(figure.tone, 0.2))
    draw_chest(pen, figure, lean)
    _neck(pen, figure)
    draw_collar(pen, figure, lean)
    if outfit.belt:
        high = figure.hem - 0.8
        belt = points((-1.0, high), (1.0, high), (1.05, high + 0.2), (-1.05, high + 0.2)) * (figure.waist, 1.0)
        pen.fill(belt, outfit.cloth.trim)
        pen.fill(ellipse(lean * 0.5, high + 0.1, 0.13, 0.11), outfit.cloth.accent)


def _torso(figure: Figure) -> Points:
    wide, low = figure.shoulders, figure.hem
    chest = wide * (0.84 + 0.08 * figure.build.bust)
    half = [(0.24, TOP - 0.08), (wide * 0.68, TOP + 0.02), (wide, TOP + 0.3), (chest, TOP + 0.95)]
    half += [(figure.waist, low - 0.85), (figure.hips, low - 0.1)]
    return closed(points(*half, *[(-x, y) for x, y in reversed(half)]))


def _dress(pen: Pen, figure: Figure, lean: float) -> None:
    wide, low, top = figure.shoulders * 0.86, figure.hem, TOP + 0.62
    half = [(wide, top + 0.35), (figure.waist, low - 0.85), (figure.hips, low - 0.1)]
    neckline = [
        (-wide, top + 0.1),
        (-wide * 0.5, top - 0.06),
        (lean, top + 0.12),
        (wide * 0.5, top - 0.06),
        (wide, top + 0.1),
    ]
    pen.fill(points(*neckline, *half, *[(-x, y) for x, y in reversed(half)]), figure.tone)
    for side in (-1.0, 1.0):
        pen.band(points((side * wide * 0.5, top), (side * 0.32, TOP)), figure.tone, 0.09)
    pen.band(points(*neckline), figure.outfit.cloth.trim, 0.08)


def _neck(pen: Pen, figure: Figure) -> None:
    skin = figure.colours.skin
    broad = 0.2 + 0.04 * figure.build.shoulders
    neck = points((-1.0, 0.8), (1.0, 0.8), (1.08, TOP - 0.05), (0.0, TOP + 0.1), (-1.08, TOP - 0.05)) * (broad, 1.0)
    pen.fill(neck, skin, line=0.0)
    for side in (-broad, broad):
        pen.stroke(points((side, 0.9), (side * 1.08, TOP - 0.05)), skin)
    shadow = points((-1.0, 0.9), (1.0, 0.9), (1.0, 1.24), (0.2, 1.34), (-1.0, 1.18)) * (broad * 0.96, 1.0)
    pen.shade(shadow, blushing(skin, 0.4))


def draw_arm(pen: Pen, figure: Figure, side: float, arm: Arm) -> None:
    """Draw one arm (`side` -1 left, 1 right) with sleeve and hand."""
    build, outfit, cloth = figure.build, figure.outfit, figure.outfit.cloth
    upper, fore = 0.5 * build.torso + 0.12, 0.45 * build.torso + 0.12
    along = np.array([side * np.sin(arm[0]), np.cos(arm[0])])
    ahead = np.array([side * np.sin(arm[1]), np.cos(arm[1])])
    across = np.array([-ahead[1], ahead[0]])
    shoulder = np.array([side * (figure.shoulders - 0.2), TOP + 0.3])
    elbow = shoulder + upper * along
    wrist = elbow + fore * ahead
    thick = 0.15 + 0.06 * build.shoulders
    spine = np.stack((shoulder - 0.16 * along, shoulder, elbow, wrist))
    if not pen.sees(spine, 0.6):
        return
    if pen.sees(wrist[None], 0.6):
        _hand(pen, figure, wrist, ahead, across)
    if outfit.sleeve != "long":
        bare = np.concatenate((_CAP, [0.82, 0.6])) * thick
        pen.fill(_limb(spine, bare), figure.colours.skin)
        pen.shade(
            _limb(moved(spine[1:], 0.07 * pen.ink.shadow, 0.0), bare[1:] * 0.4), blushing(figure.colours.skin, 0.3)
        )
    if outfit.sleeve == "none":
        return
    shape = {"long": [1.0, 0.9], "wide": [1.3, 2.2], "short": [1.4]}[outfit.sleeve]
    way = spine if outfit.sleeve != "short" else np.stack((spine[0], shoulder, (shoulder + elbow) / 2))
    widths = np.concatenate((_CAP * 1.2, shape)) * thick
    tone = figure.tone if outfit.collar != "bare" else cloth.second
    pen.fill(_limb(way, widths), tone)
    pen.shade(_limb(moved(way[1:], 0.08 * pen.ink.shadow, 0.0), widths[1:] * 0.38), darker(tone, 0.22))
    end, reach = way[-1], float(widths[-1]) * 0.92
    rim = across if outfit.sleeve != "short" else np.array([-along[1], along[0]])
    pen.band(np.stack((end - rim * reach, end + rim * reach)), cloth.trim, 0.1)


def _hand(pen: Pen, figure: Figure, wrist: Points, ahead: Points, across: Points) -> None:
    tone = figure.outfit.cloth.trim if figure.outfit.gloves else figure.colours.skin
    palm = wrist + 0.16 * ahead
    for spread in () if pen.coarse else _FINGERS:
        finger = np.stack((palm + across * spread, palm + across * spread * 1.5 + ahead * (0.32 - abs(spread))))
        pen.fill(ribbon(finger, np.array([0.055, 0.04])), tone, line=0.7)
    thumb = np.stack((palm - across * 0.1, palm - across * 0.24 + ahead * 0.08))
    pen.fill(ribbon(thumb, np.array([0.06, 0.045])), tone, line=0.7)
    pen.fill(ellipse(float(palm[0]), float(palm[1]), 0.15, 0.15), tone, line=0.7)
