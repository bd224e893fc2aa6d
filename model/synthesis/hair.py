"""Hair: what hangs behind the head, what lies on it, and the fringe before the face."""

from __future__ import annotations

import numpy as np

from model.synthesis.curve import Points, blades, flowing, moved, pair, points
from model.synthesis.palette import Colour, Scheme, darker, lighter
from model.synthesis.pen import Pen
from model.synthesis.traits import Hair

__all__ = ["draw_ahoge", "draw_back", "draw_cap", "draw_fringe", "draw_locks", "fringe_shadow"]

_T = np.linspace(0.0, 1.0, 8)


def draw_back(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the hair that hangs behind neck and body."""
    tone = colours.hair_second if hair.tone == "inner" else darker(colours.hair, 0.16)
    pen.fill(_mane(hair, sway, 0.0, 1.0), tone, -0.35)
    if hair.tone == "tips":
        pen.fill(_mane(hair, sway, 0.62, 1.0), colours.hair_second, -0.35, line=0.0)
    pen.shade(_mane(hair, sway * 0.9, 0.0, 0.7), darker(tone, 0.28), -0.35)
    fine = 0.5 + pen.ink.strands
    for number, place in enumerate((-0.72, 0.7, -0.35, 0.4, -0.86, 0.88)[: 2 + int(5 * pen.ink.strands)]):
        pen.stroke(_strand(hair, sway, place), tone if number % 3 else darker(tone, 0.2), -0.35, width=0.4 * fine)


def _edge(hair: Hair, sway: float, t: Points) -> tuple[Points, Points]:
    """Half width and sideways shift of the mane at `t` (0 top .. 1 end)."""
    taper = (0.34 if hair.length < 1.3 else 0.16) * t**3 if hair.length < 1.6 else 0.0
    half = 1.0 + hair.volume + hair.flare * t - taper
    fall = max(0.0, hair.length - 0.6)
    shift = hair.wave * np.sin(2 * np.pi * hair.waves * t) * np.minimum(1.0, 3 * t) + sway * 0.22 * fall * t**2
    return half, shift


def _mane(hair: Hair, sway: float, start: float, share: float) -> Points:
    """The outline of the back hair from `start` (0..1) down, `share` of its width."""
    t = start + (1.0 - start) * _T
    half, shift = _edge(hair, sway, t)
    y = -0.15 + (hair.length + 0.15) * t
    y = y if share == 1.0 else y * 0.96
    right = flowing(pair(shift + half * share, y))
    left = flowing(pair(shift - half * share, y))
    if hair.tips <= 1:
        return np.concatenate((right, left[::-1]))
    rest = np.linspace(1.0, -1.0, hair.tips + 1)
    deep = min(0.45, 0.18 + 0.1 * hair.length)
    valleys = pair(shift[-1] + rest * half[-1] * share, np.full(hair.tips + 1, y[-1]))
    drop = deep * (0.75 + 0.5 * np.resize(np.asarray(hair.jitter), hair.tips))
    middles = (rest[:-1] + rest[1:]) / 2
    ends = pair(shift[-1] + middles * half[-1] * share * 1.05 + 0.1 * sway, y[-1] + drop)
    return np.concatenate((right, blades(valleys, ends), left[::-1]))


def _strand(hair: Hair, sway: float, place: float) -> Points:
    half, shift = _edge(hair, sway, _T)
    return flowing(pair(shift + place * half, 0.3 + (hair.length - 0.25) * _T))


def _dome(hair: Hair, start: float, stop: float, count: int = 40) -> Points:
    """The outline of the hair on the skull between two angles, radians from the right, tufts included."""
    turn = np.linspace(start, stop, count)
    radius = np.full(count, 1.03 + hair.volume)
    if hair.spikes:
        phase = np.abs(turn + np.pi / 2) * hair.spikes / np.pi
        radius = radius + 0.17 * (phase % 1.0) * np.clip(np.abs(turn + np.pi / 2), 0.25, 1.0)
    return pair(radius * np.cos(turn), radius * 1.04 * np.sin(turn))


def draw_cap(pen: Pen, hair: Hair, colours: Scheme) -> None:
    """Draw the hair on the skull, which the face then covers."""
    tone = darker(colours.hair, 0.2)
    pen.fill(_dome(hair, -1.25 * np.pi, 0.25 * np.pi, 48), tone, -0.15)


def _fringe_edge(hair: Hair) -> tuple[Points, Points]:
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
    return 0.72 * np.sqrt(np.clip(1.05 - edge[:, 0] ** 2, 0.05, 1.0))


def fringe_shadow(hair: Hair) -> tuple[Points, Points]:
    """The shape, and its depth, of the shadow that the fringe casts on the face."""
    valleys, tips = _fringe_edge(hair)
    edge = moved(blades(valleys, tips), 0.03, 0.11)
    shape = np.concatenate((points((-1.1, -1.1), (-1.1, 0.2)), edge, points((1.1, 0.2), (1.1, -1.1))))
    return shape, np.full(len(shape), 0.6)


def draw_fringe(pen: Pen, hair: Hair, colours: Scheme) -> None:
    """Draw the hair before the face and on top of the head, with its shadows and gloss."""
    base = colours.hair
    valleys, tips = _fringe_edge(hair)
    edge = blades(valleys, tips)
    top = _dome(hair, -1.01 * np.pi, 0.01 * np.pi, 36)
    shape = np.concatenate((top, edge[::-1]))
    depth = np.concatenate((np.full(len(top), -0.05), _depth(edge)[::-1]))
    pen.fill(shape, base, depth)
    crown = np.array([0.25 * hair.part, -0.98 - hair.volume])
    if hair.tone == "split":
        half = _dome(hair, -0.5 * np.pi, 0.03 * np.pi, 18)
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
    dark = darker(base, 0.3)
    for valley in valleys[1:-1]:
        up = valley + (crown - valley) * 0.62
        middle = (valley + up) / 2 + (0.1 * valley[0], 0.0)
        aside = np.array([0.05, 0.0])
        wedge = np.stack((valley + aside, valley - aside, middle, up, middle + 0.6 * aside))
        pen.shade(wedge, dark, _depth(wedge))
        line = np.stack((valley, middle, up))
        pen.stroke(line, base, _depth(line), width=0.6)


def _flank(pen: Pen, hair: Hair, base: Colour) -> None:
    """Shade the side of the head that the light does not reach."""
    side = pen.ink.shadow
    outer = _dome(hair, -0.42 * np.pi, 0.02 * np.pi, 14) * (side, 1.0)
    inner = _dome(hair, -0.42 * np.pi, 0.02 * np.pi, 14) * (0.72 * side, 0.9)
    pen.shade(np.concatenate((outer, inner[::-1])), darker(base, 0.2), -0.05)


def _fine_strands(pen: Pen, tips: Points, crown: Points, base: Colour) -> None:
    """Draw fine hairs up the middle of each blade, light and dark in turn."""
    count = round(len(tips) * pen.ink.strands)
    for number, tip in enumerate(tips[:count]):
        up = tip + (crown - tip) * (0.5 + 0.04 * (number % 3))
        low = tip + (crown - tip) * 0.12
        middle = (low + up) / 2 + np.array([0.09 * tip[0], -0.02])
        hairline = np.stack((low, middle, up, middle + np.array([0.035, 0.0])))
        pen.shade(hairline, lighter(base, 0.16) if number % 2 else darker(base, 0.18), _depth(hairline))


def _gloss(pen: Pen, hair: Hair, base: Colour) -> None:
    jitter = np.resize(np.asarray(hair.jitter), 9)
    x = np.linspace(-0.72, 0.72, 9)
    rise = -0.80 + 0.42 * x**2
    top = pair(x, rise)
    low = pair(x, rise + 0.10 + 0.08 * np.where(np.arange(9) % 2, 1.0, 0.0) + 0.03 * jitter)
    for part in (slice(0, 5), slice(5, 9)):
        band = np.concatenate((top[part], low[part][::-1]))
        pen.gleam(band, lighter(base, 0.3), 0.45)


def draw_locks(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the strands that hang before the ears."""
    if hair.locks <= 0.0:
        return
    for side in (-1.0, 1.0):
        if hair.lock_lean and side != hair.lock_lean:
            continue
        y = -0.45 + (hair.locks + 0.45) * _T
        bend = 0.08 * np.sin(np.pi * _T) + hair.wave * 0.6 * np.sin(2 * np.pi * hair.waves * _T)
        x = side * (0.93 + hair.volume * 0.5 + bend - 0.1 * _T) + 0.12 * sway * _T**2 * hair.locks
        width = hair.lock_width * np.array([0.15, 0.75, 1.0, 1.0, 0.9, 0.72, 0.45, 0.03])
        outer = flowing(pair(x + width, y))
        inner = flowing(pair(x - width, y))
        pen.fill(np.concatenate((outer, inner[::-1])), colours.hair, 0.25)
        if hair.tone == "tips":
            low = slice(4, None)
            tip = np.concatenate((pair(x + width, y)[low], pair(x - width, y)[low][::-1]))
            pen.dot(tip, colours.hair_second, 0.25)
        pen.stroke(pair(x, y)[1:6], colours.hair, 0.25, width=0.6)


def draw_ahoge(pen: Pen, hair: Hair, colours: Scheme, sway: float) -> None:
    """Draw the stray hairs on top."""
    for number in range(hair.ahoge):
        lean = (0.5 if hair.jitter[number] > 0 else -0.5) + 0.3 * sway
        tall = 0.42 + 0.2 * abs(hair.jitter[number + 3])
        base = -1.0 - hair.volume
        foot = 0.12 * (number - (hair.ahoge - 1) / 2) * 3
        spine = points((foot, base), (foot + 0.1 * lean, base - tall * 0.6), (foot + 0.75 * lean, base - tall))
        spine = np.concatenate((spine, points((foot + 1.15 * lean, base - tall * 0.62))))
        curve = flowing(spine)
        width = 0.09 * np.linspace(1.0, 0.05, len(curve))
        outline = np.concatenate((curve + pair(width, 0 * width), (curve - pair(width, 0 * width))[::-1]))
        pen.fill(outline, colours.hair, 0.0)
