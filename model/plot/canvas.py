"""Canvases: SVG text, and pixels for PNG."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from model.errors import ConfigurationError
from model.plot.chart import Chart, Point

__all__ = ["PngCanvas", "SvgCanvas", "save_chart", "svg_chart"]

_FONT_PX = 12
_FINER = 2
"""PNG charts are drawn so many times larger, for screens of today."""


class SvgCanvas:
    """Collects SVG elements."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self._size = width_px, height_px
        self._parts: list[str] = []

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Connect the points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>')

    def box(self, start: Point, end: Point, colour: str) -> None:
        """Fill a rectangle."""
        (x, y), (right, bottom) = start, end
        size = f'width="{right - x:.1f}" height="{max(0.0, bottom - y):.1f}"'
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>')

    def text(self, at: Point, words: str, colour: str, anchor: Literal["start", "middle", "end"] = "start") -> None:
        """Write with the baseline at the point."""
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}"'
        self._parts.append(f'<text {place} fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>')

    def finish(self) -> str:
        """The whole `<svg>` element."""
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        )
        return "\n".join([f'{head} font-family="sans-serif" font-size="{_FONT_PX}">', *self._parts, "</svg>"])


class PngCanvas:
    """Draws on pixels."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self.image = Image.new("RGB", (width_px * _FINER, height_px * _FINER), "white")
        self._pen = ImageDraw.Draw(self.image)
        self._font = ImageFont.load_default(_FONT_PX * _FINER)

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """Connect the points."""
        self._pen.line([(x * _FINER, y * _FINER) for x, y in points], colour, round(width * _FINER), joint="curve")

    def box(self, start: Point, end: Point, colour: str) -> None:
        """Fill a rectangle."""
        (x, y), (right, bottom) = start, end
        self._pen.rectangle((x * _FINER, y * _FINER, right * _FINER, max(y, bottom) * _FINER), colour)

    def text(self, at: Point, words: str, colour: str, anchor: Literal["start", "middle", "end"] = "start") -> None:
        """Write with the baseline at the point."""
        where = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
        self._pen.text((at[0] * _FINER, at[1] * _FINER), words, colour, self._font, anchor=where)


def svg_chart(chart: Chart) -> str:
    """A chart as an `<svg>` element."""
    canvas = SvgCanvas(chart.width_px, chart.height_px)
    chart.draw(canvas)
    return canvas.finish()


def save_chart(chart: Chart, path: Path) -> None:
    """Write a chart as PNG or SVG, by the file's name; atomically.

    Raises:
        ConfigurationError: The name ends otherwise.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise ConfigurationError(f"{path}: a chart's name ends in .png or .svg")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    with os.fdopen(handle, "wb") as file:
        if path.suffix.lower() == ".svg":
            file.write(svg_chart(chart).encode())
        else:
            canvas = PngCanvas(chart.width_px, chart.height_px)
            chart.draw(canvas)
            canvas.image.save(file, "PNG")
    os.replace(temporary, path)
