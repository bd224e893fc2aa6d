"""A chart: axes and series, drawn on any canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

from model.plot.axis import Axis

__all__ = ["COLOURS", "Canvas", "Chart", "Point", "Series"]

Point = tuple[float, float]
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b83280", "#4a5568")
_GRID, _TEXT = "#d9dee5", "#2d3748"
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 22, 58, 48
_EDGE = 16
"""Where title and name of the vertical axis begin; the name stands above the axis, where it needs not be turned."""

_LETTER, _ROW = 6.5, 16
"""Width of a letter and height of a row of the legend, in pixels."""

_BETWEEN = [k / 8 for k in range(1, 8)]
"""Where a line is looked at between two points."""


class Canvas(Protocol):
    """What charts are drawn on; coordinates in pixels from the top left."""

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Connect the points."""
        ...

    def box(self, start: Point, end: Point, colour: str) -> None:
        """Fill a rectangle."""
        ...

    def text(self, at: Point, words: str, colour: str, anchor: Literal["start", "middle", "end"] = "start") -> None:
        """Write with the baseline at the point."""
        ...


@dataclass(frozen=True)
class Series:
    """Points of one kind, joined or as bars from the bottom.

    Attributes:
        name: For the legend; empty for none.
        points: `(x, y)`.
        kind: How they are shown.
    """

    name: str
    points: Sequence[Point]
    kind: Literal["line", "dots", "bars"] = "line"


@dataclass(frozen=True)
class Chart:
    """A picture of figures.

    Attributes:
        title: Above the chart.
        x: The horizontal axis.
        y: The vertical axis.
        series: What is shown.
        width_px: Width.
        height_px: Height.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    width_px: int = 520
    height_px: int = 384

    def draw(self, canvas: Canvas) -> None:
        """Draw it all."""
        canvas.text((_EDGE, 20), self.title, _TEXT)
        self._grid(canvas)
        for number, series in enumerate(self.series):
            self._series(canvas, series, COLOURS[number % len(COLOURS)])
        self._legend(canvas)

    def at(self, x: float, y: float) -> Point:
        """Where a point lies in pixels."""
        wide = self.width_px - _LEFT - _RIGHT
        high = self.height_px - _TOP - _BOTTOM
        return _LEFT + self.x.place(x) * wide, _TOP + (1 - self.y.place(y)) * high

    def _grid(self, canvas: Canvas) -> None:
        bottom, right = self.height_px - _BOTTOM, self.width_px - _RIGHT
        for value, label in self.x.ticks():
            place, _ = self.at(value, self.y.low)
            canvas.line([(place, _TOP), (place, bottom)], _GRID)
            canvas.text((place, bottom + 16), label, _TEXT, "middle")
        for value, label in self.y.ticks():
            _, place = self.at(self.x.low, value)
            canvas.line([(_LEFT, place), (right, place)], _GRID)
            canvas.text((_LEFT - 6, place + 4), label, _TEXT, "end")
        canvas.text(((_LEFT + right) / 2, self.height_px - 10), self.x.name, _TEXT, "middle")
        canvas.text((_EDGE, _TOP - 14), self.y.name, _TEXT)

    def _series(self, canvas: Canvas, series: Series, colour: str) -> None:
        points = [self.at(x, y) for x, y in series.points]
        if series.kind == "bars":
            for (x, _), (left, top) in zip(series.points, points, strict=True):
                canvas.box((left - 2, top), (left + 2, self.at(x, self.y.low)[1]), colour)
        elif series.kind == "dots":
            for left, top in points:
                canvas.box((left - 2.5, top - 2.5), (left + 2.5, top + 2.5), colour)
        elif points:
            canvas.line(points, colour, 2.0)

    def _legend(self, canvas: Canvas) -> None:
        named = [(i, one.name) for i, one in enumerate(self.series) if one.name]
        if not named:
            return
        left, top = self._free_place(_LETTER * max(len(name) for _, name in named) + 26, _ROW * len(named) + 8)
        for row, (number, name) in enumerate(named):
            bottom = top + _ROW * (row + 1)
            canvas.box((left + 4, bottom - 9), (left + 14, bottom + 1), COLOURS[number % len(COLOURS)])
            canvas.text((left + 20, bottom), name, _TEXT)

    def _free_place(self, wide: float, high: float) -> Point:
        """Where a box of this size hides the least: at the right or the left, top, middle or bottom."""
        points = [point for series in self.series for point in self._marks(series)]
        lowest = self.height_px - _BOTTOM - high
        places = [
            (left, top)
            for left in (self.width_px - _RIGHT - wide, float(_LEFT))
            for top in (float(_TOP), (_TOP + lowest) / 2, lowest)
        ]

        def hidden(place: Point) -> int:
            left, top = place
            return sum(left <= x <= left + wide and top <= y <= top + high for x, y in points)

        return min(places, key=hidden)

    def _marks(self, series: Series) -> list[Point]:
        """The points of a series in pixels, and some between those that a line joins."""
        points = [self.at(x, y) for x, y in series.points]
        if series.kind != "line":
            return points
        return points + [
            (one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1]))
            for one, other in pairwise(points)
            for share in _BETWEEN
        ]
