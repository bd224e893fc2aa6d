"""Curves: from control points to the outline of a shape, independent of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Points", "arc", "blades", "closed", "ellipse", "flowing", "moved", "pair", "points", "ribbon"]

Points = NDArray[np.float64]
"""`(n, 2)` float64: x to the right, y down."""

_STEPS = 7


def _catmull_rom(steps: int) -> Points:
    t = np.arange(steps) / steps
    rows = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    return np.stack(rows, axis=1) / 2.0  # (steps, 4)


_BASIS = _catmull_rom(_STEPS)
_TURN = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack((np.cos(_TURN), np.sin(_TURN)), axis=1)
_T = np.linspace(0.0, 1.0, 5)[:-1, None]
_HALVES = ((1 - _T) ** 2, 2 * _T * (1 - _T), _T**2)


def points(*pairs: tuple[float, float]) -> Points:
    """The pairs as an `(n, 2)` array."""
    return np.array(pairs, dtype=np.float64)


def pair(x: Points, y: Points) -> Points:
    """`(n,)` x and y as `(n, 2)` points."""
    both = np.empty((len(x), 2))
    both[:, 0] = x
    both[:, 1] = y
    return both


def moved(shape: Points, x: float, y: float) -> Points:
    """The points, each shifted by `(x, y)`."""
    return np.asarray(shape + np.array([x, y]))


def closed(control: Points) -> Points:
    """A smooth closed outline through the `(n, 2)` control points, n >= 3."""
    around = np.concatenate((control[-1:], control, control[:2]))
    return _through(around)


def flowing(control: Points) -> Points:
    """A smooth open line through the `(n, 2)` control points, n >= 2."""
    around = np.concatenate((2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]))
    return np.concatenate((_through(around), control[-1:]))


def _through(around: Points) -> Points:
    count = len(around) - 3
    windows = np.empty((count, 2, 4))
    for step in range(4):
        windows[:, :, step] = around[step : count + step]
    # One product of two plain matrices: numpy multiplies stacks of small ones far more slowly.
    drawn = (windows.reshape(-1, 4) @ _BASIS.T).reshape(count, 2, _STEPS)
    return drawn.transpose(0, 2, 1).reshape(-1, 2)


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Points:
    """The outline of an ellipse; `angle` in radians, clockwise."""
    outline = _CIRCLE * (rx, ry)
    if angle:
        cos, sin = np.cos(angle), np.sin(angle)
        outline = outline @ np.array([[cos, sin], [-sin, cos]])
    return moved(outline, x, y)


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int = 12) -> Points:
    """`count` points along an ellipse from `start` to `stop`, radians, clockwise from the right."""
    turn = np.linspace(start, stop, count)
    return pair(x + rx * np.cos(turn), y + ry * np.sin(turn))


def ribbon(spine: Points, widths: Points) -> Points:
    """The outline around an `(n, 2)` spine, `(n,)` widths to each side of it."""
    along = np.empty_like(spine)
    along[1:-1] = spine[2:] - spine[:-2]
    along[0] = spine[1] - spine[0]
    along[-1] = spine[-1] - spine[-2]
    length = np.sqrt((along**2).sum(axis=1)) + 1e-9
    across = pair(-along[:, 1], along[:, 0]) * (widths / length)[:, None]
    return np.concatenate((spine + across, (spine - across)[::-1]))


def blades(valleys: Points, tips: Points, bulge: float = 0.18) -> Points:
    """The edge of a row of hair blades: from each of n + 1 valleys down to one of n tips and up again.

    Args:
        valleys: `(n + 1, 2)`, where blades part.
        tips: `(n, 2)`, where blades end.
        bulge: How far the flanks swell outwards, as a share of their width.
    """
    starts, ends = valleys[:-1], valleys[1:]
    down = (starts + tips) / 2 + (starts - ends) * (bulge, 0.0)
    up = (tips + ends) / 2 + (ends - starts) * (bulge, 0.0)
    first, middle, last = (part[None] for part in _HALVES)  # (1, 4, 1)
    falling = starts[:, None] * first + down[:, None] * middle + tips[:, None] * last
    rising = tips[:, None] * first + up[:, None] * middle + ends[:, None] * last
    edge = np.concatenate((falling, rising), axis=1).reshape(-1, 2)
    return np.concatenate((edge, valleys[-1:]))
