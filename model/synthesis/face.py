"""The face: its outline, eyes, brows, nose and mouth."""

from __future__ import annotations

import numpy as np

from model.synthesis.curve import Points, arc, closed, ellipse, flowing, moved, pair, points, ribbon
from model.synthesis.palette import WHITE, Colour, Scheme, blushing, darker, lighter, mix
from model.synthesis.pen import Pen
from model.synthesis.pose import Expression
from model.synthesis.shapes import Build, Eyes

__all__ = ["draw_brows", "draw_ears", "draw_features", "draw_skin", "face_outline"]

_EYE_Z = 0.62
_MOUTH_INNER: Colour = (150, 48, 56)
_TONGUE: Colour = (236, 120, 120)
_BLUSH: Colour = (246, 130, 130)
_U = np.linspace(-1.0, 1.0, 9)
_LID = 1.0 - np.abs(_U) ** 2.4
_FLOOR = 1.0 - _U**2


def face_outline(build: Build) -> Points:
    """The `(n, 2)` outline of the face, chin down."""
    jaw, chin = build.jaw, build.chin
    half = ((0.62, -0.82), (0.90, -0.30), (0.91, 0.20), (0.80 * jaw, 0.60), (0.50 * jaw, chin - 0.20))
    right = [*half, (0.12, chin)]
    left = [(-x, y) for x, y in reversed(right)]
    return closed(points((0.0, -1.0), *right, *left))


def draw_ears(pen: Pen, skin: Colour, pointed: float = 0.0) -> None:
    """Draw human ears, or pointed ones `pointed` head units long."""
    for side in (-1.0, 1.0):
        if pointed:
            tip = points((0.84, 0.12), (0.95 + 0.6 * pointed, -0.12), (1.0 + pointed, -0.22), (1.0, 0.38), (0.84, 0.5))
            pen.fill(tip * (side, 1.0), skin, -0.05)
            pen.shade(
                points((0.9, 0.18), (0.9 + 0.8 * pointed, -0.12), (0.96, 0.34)) * (side, 1.0), blushing(skin, 0.3)
            )
        else:
            pen.fill(ellipse(0.92 * side, 0.32, 0.13, 0.22), skin, -0.05)
            pen.shade(ellipse(0.94 * side, 0.32, 0.06, 0.13), blushing(skin, 0.3), -0.05)


def draw_skin(pen: Pen, build: Build, skin: Colour, shadow: Points, shadow_z: Points) -> None:
    """Draw the bare face with the shadow of the hair."""
    outline = face_outline(build)
    depth = np.clip(outline[:, 1] * 0.42, 0.05, 0.5)
    pen.fill(outline, skin, depth)
    if pen.ink.strands > 0.35:
        cheek = outline[(outline[:, 0] * pen.ink.shadow > 0.05) & (outline[:, 1] > -0.1)]
        inner = moved(cheek, -0.16 * pen.ink.shadow, -0.05)
        side_z = np.full(2 * len(cheek), 0.3)
        pen.shade(np.concatenate((cheek, inner[::-1])), blushing(skin, 0.2), side_z)
    pen.shade_within(outline, depth, shadow, shadow_z, blushing(skin, 0.26))


def draw_features(pen: Pen, eyes: Eyes, colours: Scheme, look: Expression) -> None:
    """Draw cheeks, eyes, nose and mouth."""
    skin = colours.skin
    _cheeks(pen, skin, look.blush)
    for side, opening, iris in ((-1, look.open_left, colours.eyes[0]), (1, look.open_right, colours.eyes[1])):
        _eye(pen, eyes, side, opening * (1.0 - eyes.lid), iris, colours, look)
    _nose(pen, skin)
    _mouth(pen, skin, look.mouth)


def draw_brows(pen: Pen, eyes: Eyes, hair: Colour, look: Expression) -> None:
    """Draw the brows, which illustrators draw over the fringe."""
    tone = darker(hair, 0.35)
    for side in (-1.0, 1.0):
        narrow = _narrowing(pen, side)
        x, y = eyes.apart * side, eyes.level - eyes.height - 0.17 - look.lift
        tilt = look.brows + eyes.brow_tilt
        reach = eyes.width * 1.0 * narrow
        spine = points((-reach, 0.03), (0.0, -0.035), (reach, 0.02)) * (1.0, 1.0)
        spine = moved(_rolled(spine, tilt * side), x, y)
        widths = np.array([1.0, 0.9, 0.2]) if side > 0 else np.array([0.2, 0.9, 1.0])
        pen.dot(ribbon(spine, widths * eyes.brow), tone, _EYE_Z)


def _narrowing(pen: Pen, side: float) -> float:
    """Factor by which an eye is narrower on the far side."""
    return 1.0 - 0.4 * max(0.0, side * pen.frame.yaw)


def _rolled(shape: Points, angle: float) -> Points:
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return np.asarray(shape @ np.array([[cos, sin], [-sin, cos]]))


def _cheeks(pen: Pen, skin: Colour, blush: float) -> None:
    if blush <= 0.0:
        return
    for side in (-1.0, 1.0):
        pen.shade(ellipse(0.55 * side, 0.66, 0.17, 0.09), mix(skin, _BLUSH, 0.2 + 0.3 * blush), 0.6)
        if blush > 0.6:
            for step in (-0.06, 0.02, 0.1):
                line = points((0.55 * side + step, 0.62), (0.55 * side + step - 0.04, 0.71))
                pen.stroke(line, mix(skin, _BLUSH, 0.8), 0.6, width=0.6)


def _eye(pen: Pen, eyes: Eyes, side: int, opening: float, iris: Colour, colours: Scheme, look: Expression) -> None:
    lash = mix(darker(colours.hair, 0.6), (30, 22, 34), 0.65)
    narrow = _narrowing(pen, side)
    centre = np.array([eyes.apart * side, eyes.level])
    width, height = eyes.width * narrow, eyes.height * opening
    tilt = -eyes.tilt * side
    if opening < 0.15:
        bend = -0.55 if look.happy else 0.35
        lid = pair(_U * width * 1.1, bend * eyes.height * 0.6 * (_FLOOR - 0.4))
        thick = eyes.lash * (0.35 + 0.5 * _FLOOR)
        pen.dot(ribbon(_rolled(lid, tilt) + centre + (0.0, 0.05), thick), lash, _EYE_Z)
        return
    top = pair(_U * width, -height * _LID)
    floor = pair(_U * width * 0.92, height * 0.86 * _FLOOR)
    white = _rolled(np.concatenate((top, floor[::-1])), tilt) + centre
    pen.dot(white, mix(WHITE, colours.skin, 0.08), _EYE_Z)
    pen.shade(
        np.concatenate((white[:9], moved(white[:9][::-1], 0.0, height * 0.35))),
        mix(WHITE, darker(iris, 0.4), 0.35),
        _EYE_Z,
    )
    _iris(pen, eyes, centre + _gaze(look, width, height), narrow, height, iris)
    flick = np.array([[side * (width + eyes.flick), -height * 0.1 - eyes.flick * 0.8]])
    lid = top * (1.04, 1.02)
    lid = np.concatenate((lid, flick)) if side > 0 else np.concatenate((flick, lid))
    swell = (
        np.concatenate((0.35 + 0.65 * _FLOOR, [0.05])) if side > 0 else np.concatenate(([0.05], 0.35 + 0.65 * _FLOOR))
    )
    pen.dot(ribbon(_rolled(lid, tilt) + centre, swell * (eyes.lash * (0.5 + 0.5 * opening))), lash, _EYE_Z)
    if pen.coarse:
        return
    low = _rolled(floor[3:8] if side > 0 else floor[1:6], tilt) + centre
    pen.stroke(low, mix(colours.skin, lash, 0.6), _EYE_Z, width=0.6)
    fold = _rolled(top[2:7] * (0.95, 1.0) + (0.0, -0.085), tilt) + centre
    pen.stroke(fold, mix(colours.skin, lash, 0.35), _EYE_Z, width=0.6)


def _gaze(look: Expression, width: float, height: float) -> Points:
    return np.array([look.gaze[0] * width * 0.3, look.gaze[1] * height * 0.2])


def _iris(pen: Pen, eyes: Eyes, centre: Points, narrow: float, height: float, colour: Colour) -> None:
    """Draw iris, pupil and highlights, clipped by the lids."""
    x, y = float(centre[0]), float(centre[1])
    rx, ry = eyes.width * eyes.iris * narrow, eyes.height * 0.97
    top, floor = eyes.level - height * 0.97, eyes.level + height * 0.84

    def cut(shape: Points, low: float = floor) -> Points:
        shape[:, 1] = np.clip(shape[:, 1], top, low)
        return shape

    pen.dot(cut(ellipse(x, y, rx, ry)), darker(colour, 0.58), _EYE_Z)
    pen.dot(cut(ellipse(x, y + ry * 0.05, rx * 0.86, ry * 0.88)), lighter(colour, 0.08), _EYE_Z)
    pen.shade(cut(ellipse(x, y, rx * 0.86, ry * 0.9), max(top, y - ry * 0.2)), darker(colour, 0.42), _EYE_Z)
    pen.gleam(cut(ellipse(x, y + ry * 0.5, rx * 0.62, ry * 0.36)), lighter(colour, 0.45), _EYE_Z)
    _pupil(pen, eyes.pupil, x, y, rx, ry, darker(colour, 0.8), cut)
    glint = ellipse(x + eyes.glint * rx * 0.38, y - ry * 0.4, rx * 0.32, ry * 0.25)
    pen.dot(cut(glint), WHITE, _EYE_Z)
    pen.dot(cut(ellipse(x - eyes.glint * rx * 0.42, y + ry * 0.4, rx * 0.17, ry * 0.13)), WHITE, _EYE_Z)


def _pupil(pen: Pen, kind: str, x: float, y: float, rx: float, ry: float, dark: Colour, cut: object) -> None:
    if kind == "none":
        return
    if kind == "slit":
        shape = ellipse(x, y, rx * 0.16, ry * 0.62)
    elif kind == "star":
        turn = np.linspace(0.0, 2 * np.pi, 10, endpoint=False) - np.pi / 2
        far = np.where(np.arange(10) % 2, 0.24, 0.6)
        shape = pair(x + rx * far * np.cos(turn), y + ry * far * np.sin(turn))
    elif kind == "cross":
        shape = points((x - rx * 0.5, y), (x, y - ry * 0.14), (x, y - ry * 0.5), (x + rx * 0.16, y), (x + rx * 0.5, y))
        shape = np.concatenate((shape, points((x, y + ry * 0.5), (x - rx * 0.16, y + ry * 0.1))))
    elif kind == "ring":
        pen.dot(_clipped(ellipse(x, y, rx * 0.62, ry * 0.58), cut), lighter(dark, 0.35), _EYE_Z)
        shape = ellipse(x, y, rx * 0.3, ry * 0.3)
    else:
        shape = ellipse(x, y, rx * 0.38, ry * 0.42)
    pen.dot(_clipped(shape, cut), dark, _EYE_Z)


def _clipped(shape: Points, cut: object) -> Points:
    return np.asarray(cut(shape)) if callable(cut) else shape


def _nose(pen: Pen, skin: Colour) -> None:
    lean = 0.03 if pen.frame.yaw >= 0 else -0.03
    pen.stroke(points((0.0, 0.53), (lean, 0.58), (0.0, 0.6)), mix(skin, (150, 84, 80), 0.6), 0.95, width=0.7)


def _mouth(pen: Pen, skin: Colour, kind: str) -> None:
    y, z = 0.82, 0.72
    lip = mix(skin, (130, 50, 60), 0.75)
    if kind in ("open", "shout", "surprise"):
        wide, deep = {"open": (0.2, 0.2), "shout": (0.24, 0.27), "surprise": (0.1, 0.14)}[kind]
        if kind == "surprise":
            shape = ellipse(0.0, y + 0.02, wide, deep)
        else:
            top = flowing(points((-wide, y - 0.05), (0.0, y - 0.02), (wide, y - 0.05)))
            shape = np.concatenate((top, arc(0.0, y - 0.05, wide, deep, 0.0, np.pi, 9)))
        pen.dot(shape, _MOUTH_INNER, z)
        pen.gleam(ellipse(0.0, y + deep * 0.45, wide * 0.55, deep * 0.28), _TONGUE, z)
        if kind != "surprise":
            teeth = points(
                (-wide * 0.75, y - 0.045), (wide * 0.75, y - 0.045), (wide * 0.6, y + 0.01), (-wide * 0.6, y + 0.01)
            )
            pen.gleam(teeth, WHITE, z)
        pen.stroke(np.concatenate((shape, shape[:1])), lip, z, width=0.7)
    elif kind == "grin":
        shape = np.concatenate(
            (points((-0.2, y - 0.06), (0.2, y - 0.06)), arc(0.0, y - 0.06, 0.2, 0.13, 0.0, np.pi, 7))
        )
        pen.dot(shape, WHITE, z)
        pen.stroke(np.concatenate((shape, shape[:1])), lip, z, width=0.7)
    else:
        line = {
            "smile": ((-0.15, -0.04), (0.0, 0.03), (0.15, -0.04)),
            "calm": ((-0.09, 0.0), (0.0, 0.008), (0.09, 0.0)),
            "frown": ((-0.12, 0.04), (0.0, -0.015), (0.12, 0.04)),
            "sad": ((-0.1, 0.03), (-0.03, -0.01), (0.05, 0.015), (0.1, 0.0)),
            "cat": ((-0.16, -0.03), (-0.08, 0.035), (0.0, -0.02), (0.08, 0.035), (0.16, -0.03)),
        }[kind]
        pen.stroke(moved(flowing(points(*line)), 0.0, y), lip, z, width=0.9)
