"""The fringe: hair in front of the face and on top of the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.synthesis.curve import Points, blades, moved, pair, points
from model.synthesis.palette import Colour, Scheme, darker, lighter
from model.synthesis.pen import Pen
from model.synthesis.shapes import Hair

__all__ = ["Fringe", "dome", "draw_fringe"]


def dome(hair: Hair, start: float, stop: float, count: int = 40) -> Points:
    """The outline of the hair on the skull between two angles, radians from the right, tufts included."""
    turn = np.linspace(start, stop, count)
    radius = np.full(count, 1.03 + hair.volume)
    if hair.spikes:
        phase = np.abs(turn + np.pi / 2) * hair.spikes / np.pi
        radius = radius + 0.17 * (phase % 1.0) * np.clip(np.abs(turn + np.pi / 2), 0.25, 1.0)
    return pair(radius * np.cos(turn), radius * 1.04 * np.sin(turn))


def _row(hair: Hair) -> tuple[Points, Points]:
    """Valleys and tips of the fringe, left to right."""
    n = hair.strands
    jitter = np.resize(np.asarray(hair.jitter), n)
    cuts = np.linspace(-1.0, 1.0, n + 1)
    cuts[1:-1] += jitter[:-1] * 0.35 / n
    u = (cuts[:-1] + cuts[1:]) / 2
    kind, reach = hair.fringe, hair.reach
    lean = jitter * 0.06
    if kind == "blunt":
        tip = 0.02 + reach + 0.10 * u**2 + 0.03 * jitter
        valley = np.full(n + 1, -0.10 + reach)
    elif kind in ("pointed", "choppy", "between"):
        rough = 0.2 if kind == "choppy" else 0.1
        tip = 0.08 + reach + 0.22 * u**2 + rough * jitter
        valley = -0.36 + reach + 0.2 * cuts**2
        lean = lean + (0.12 if hair.part > 0 else -0.12) * (1 - np.abs(u))
        if kind == "between":
            tip[np.argmin(np.abs(u))] = 0.52
    elif kind == "slick":
        tip = -0.62 + 0.6 * u**2
        valley = -0.70 + 0.75 * cuts**2
    else:
        part = {"centre": 0.0, "curtain": 0.0}.get(kind, hair.part)
        away_tip, away_cut = np.abs(u - part), np.abs(cuts - part)
        deep = {"curtain": 0.95, "veil": 0.85}.get(kind, 0.72)
        tip = -0.52 + reach * 0.5 + deep * away_tip**0.8 + 0.08 * jitter
        valley = -0.88 + 0.85 * away_cut**0.85
        lean = np.sign(u - part) * 0.1
        if kind == "veil":
            far = (u * -np.sign(part) > 0.05) & (u * -np.sign(part) < 0.75)
            tip = np.where(far, 0.72 + 0.1 * jitter, tip)
    valleys = pair(cuts * 0.9, np.minimum(valley, 0.3))
    tips = pair(u * 0.88 + lean, np.minimum(tip, 0.95))
    return _with_temples(hair, valleys, tips)


def _with_temples(hair: Hair, valleys: Points, tips: Points) -> tuple[Points, Points]:
    """The row of blades with one more at each temple, so that the fringe runs into the hair beside the face."""
    far, low = 1.03 + hair.volume, 0.42 + 0.14 * hair.jitter[1]
    valleys[0, 1] = valleys[-1, 1] = min(0.1, max(float(valleys[0, 1]), -0.25))
    outer, end = points((-far, 0.05), (far, 0.05)), points((-far * 0.95, low), (far * 0.95, low))
    valleys = np.concatenate((outer[:1], valleys, outer[1:]))
    return valleys, np.concatenate((end[:1], tips, end[1:]))


def _depth(edge: Points) -> Points:
    """Depth of points of the fringe, in front of the head's axis: `(n,)` for `(n, 2)` points."""
    return 0.72 * np.sqrt(np.clip(1.05 - edge[:, 0] ** 2, 0.05, 1.0))


def _depths(shapes: Points) -> Points:
    """The same for `(k, n, 2)` points: `(k, n)`."""
    return _depth(shapes.reshape(-1, 2)).reshape(shapes.shape[:2])


@dataclass(frozen=True)
class Fringe:
    """The lower edge of a fringe.

    Attributes:
        valleys: `(n + 1, 2)`, where blades part, left to right.
        tips: `(n, 2)`, where they end.
        edge: `(m, 2)`, the whole edge, left to right.
    """

    valleys: Points
    tips: Points
    edge: Points

    @classmethod
    def of(cls, hair: Hair) -> Fringe:
        """The fringe of a hairdo."""
        valleys, tips = _row(hair)
        return cls(valleys, tips, blades(valleys, tips))

    def shadow(self) -> tuple[Points, Points]:
        """Shape and depth of the shadow of the fringe on the face."""
        edge = moved(self.edge, 0.03, 0.11)
        shape = np.concatenate((points((-1.1, -1.1), (-1.1, 0.2)), edge, points((1.1, 0.2), (1.1, -1.1))))
        return shape, np.full(len(shape), 0.6)


def draw_fringe(pen: Pen, hair: Hair, fringe: Fringe, colours: Scheme) -> None:
    """Draw the fringe with its shadows and gloss."""
    base, edge, valleys, tips = colours.hair, fringe.edge, fringe.valleys, fringe.tips
    top = dome(hair, -1.01 * np.pi, 0.01 * np.pi, 36)
    shape = np.concatenate((top, edge[::-1]))
    depth = np.concatenate((np.full(len(top), -0.05), _depth(edge)[::-1]))
    pen.fill(shape, base, depth)
    crown = np.array([0.25 * hair.part, -0.98 - hair.volume])
    if hair.tone == "split":
        half = dome(hair, -0.5 * np.pi, 0.03 * np.pi, 18)
        inner = edge[edge[:, 0] > crown[0]]
        split = np.concatenate((half, inner[::-1]))
        pen.fill(split, colours.hair_second, np.concatenate((np.full(18, -0.05), _depth(inner)[::-1])), line=0.0)
    if hair.tone == "streak":
        pick = 1 + hair.strands // 3
        _blade(pen, valleys, tips, crown, pick, colours.hair_second)
    if hair.tone == "tips":
        for pick in range(len(tips)):
            ends = np.stack((tips[pick], *(tips[pick] * 0.55 + valleys[pick : pick + 2] * 0.45)))
            pen.dot(ends, colours.hair_second, _depth(ends))
    if pen.ink.strands > 0.25:
        _flank(pen, hair, base)
    _strands(pen, valleys, crown, base)
    _fine_strands(pen, tips, crown, base)
    _gloss(pen, hair, base)


def _blade(pen: Pen, valleys: Points, tips: Points, crown: Points, pick: int, colour: Colour) -> None:
    edge = blades(valleys[pick : pick + 2], tips[pick : pick + 1])
    shape = np.concatenate((edge, (crown * 0.8)[None]))
    pen.fill(shape, colour, np.concatenate((_depth(edge), [0.2])), line=0.0)


def _strands(pen: Pen, valleys: Points, crown: Points, base: Colour) -> None:
    """Draw the shadows between blades, running up towards the crown."""
    foot = valleys[1:-1]
    up = foot + (crown - foot) * 0.62
    middle = (foot + up) / 2 + foot * (0.1, 0.0)
    aside = np.array([0.05, 0.0])
    wedges = np.stack((foot + aside, foot - aside, middle, up, middle + 0.6 * aside), axis=1)
    pen.shade_all(wedges, [darker(base, 0.3)] * len(foot), _depths(wedges))
    lines = np.stack((foot, middle, up), axis=1)
    pen.stroke_all(lines, base, _depths(lines), width=0.6)


def _flank(pen: Pen, hair: Hair, base: Colour) -> None:
    """Shade the side of the head away from the light."""
    side = pen.ink.shadow
    outer = dome(hair, -0.42 * np.pi, 0.02 * np.pi, 14) * (side, 1.0)
    inner = dome(hair, -0.42 * np.pi, 0.02 * np.pi, 14) * (0.72 * side, 0.9)
    pen.shade(np.concatenate((outer, inner[::-1])), darker(base, 0.2), -0.05)


def _fine_strands(pen: Pen, tips: Points, crown: Points, base: Colour) -> None:
    """Draw fine hairs up the middle of each blade, light and dark in turn."""
    tips = tips[: round(len(tips) * pen.ink.strands)]
    if pen.coarse or not len(tips):
        return
    low, up = tips + (crown - tips) * 0.12, tips + (crown - tips) * 0.54
    middle = (low + up) / 2 + tips * (0.09, 0.0)
    hairs = np.stack((low, middle, up, middle + np.array([0.035, 0.0])), axis=1)
    tones = [lighter(base, 0.16) if number % 2 else darker(base, 0.18) for number in range(len(tips))]
    pen.shade_all(hairs, tones, _depths(hairs))


def _gloss(pen: Pen, hair: Hair, base: Colour) -> None:
    jitter = np.resize(np.asarray(hair.jitter), 9)
    x = np.linspace(-0.72, 0.72, 9)
    rise = -0.80 + 0.42 * x**2
    top = pair(x, rise)
    low = pair(x, rise + 0.10 + 0.08 * np.where(np.arange(9) % 2, 1.0, 0.0) + 0.03 * jitter)
    for part in (slice(0, 5), slice(5, 9)):
        band = np.concatenate((top[part], low[part][::-1]))
        pen.gleam(band, lighter(base, 0.3), 0.45)
