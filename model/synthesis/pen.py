"""The pen draws shapes, given in a character's units, in one style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from model.synthesis.curve import Points
from model.synthesis.palette import Colour, darker, luma, mix

__all__ = ["Frame", "Ink", "Pen"]

_PAPER: Colour = (252, 250, 246)
_BLACK: Colour = (34, 28, 36)
_COARSE_PX = 26


@dataclass(frozen=True)
class Ink:
    """The drawing style of a picture.

    Attributes:
        width: Line width as a share of the picture's height; 0 draws no line.
        traced: Lines have a dark tone of the fill; else they are black.
        filled: Shapes have their colour; else that of the paper.
        shaded: Shadows are drawn.
        lit: Highlights are drawn.
        wobble: How far lines stray, in head units.
        phase: Where the straying starts, radians.
        shadow: The side in shadow: -1 left, 1 right.
        strands: Share of optional fine hairs, 0..1.
    """

    width: float = 0.008
    traced: bool = True
    filled: bool = True
    shaded: bool = True
    lit: bool = True
    wobble: float = 0.0
    phase: float = 0.0
    shadow: float = 1.0
    strands: float = 0.5


@dataclass(frozen=True)
class Placing:
    """A linear map from units to pixels.

    Attributes:
        matrix: `(2, 2)` float64, units to pixels.
        origin: `(2,)` float64, where the origin lies.
        ahead: `(2,)` float64, shift of a point per unit in front of the head's axis.
    """

    matrix: Points
    origin: Points
    ahead: Points

    def place(self, shape: Points, z: float | Points) -> Points:
        """Positions of the `(n, 2)` points in the picture; `z` is a number or `(n,)`."""
        if isinstance(z, float):
            return np.asarray(shape @ self.matrix + (self.origin + z * self.ahead))
        return np.asarray(shape @ self.matrix + self.origin + z[:, None] * self.ahead)


@dataclass(frozen=True)
class Frame:
    """The coordinate frame of a character in the picture.

    Attributes:
        x_px, y_px: The origin.
        xx, xy, yx, yy: The linear map: `x_px += xx * x + xy * y`.
        yaw: Sine of the turn to the side, -1..1; points nearer to the viewer move with it.
        pitch: Sine of the nod, -1..1, positive down.
    """

    x_px: float
    y_px: float
    xx: float
    xy: float
    yx: float
    yy: float
    yaw: float = 0.0
    pitch: float = 0.0

    @classmethod
    def at(cls, x_px: float, y_px: float, scale_px: float, roll: float = 0.0, mirrored: bool = False) -> Frame:
        """Units of `scale_px`, rolled clockwise by `roll` radians, left and right exchanged if mirrored."""
        cos, sin = float(np.cos(roll)) * scale_px, float(np.sin(roll)) * scale_px
        sign = -1.0 if mirrored else 1.0
        return cls(x_px, y_px, sign * cos, -sign * sin, sin, cos)

    def turned(self, yaw: float, pitch: float) -> Frame:
        """The same place with another turn of the head."""
        return replace(self, yaw=yaw, pitch=pitch)

    def moved(self, x: float, y: float, roll: float = 0.0) -> Frame:
        """A frame whose origin is this one's point `(x, y)`, rolled on by `roll` radians."""
        cos, sin = float(np.cos(roll)), float(np.sin(roll))
        return replace(
            self,
            x_px=self.x_px + self.xx * x + self.xy * y,
            y_px=self.y_px + self.yx * x + self.yy * y,
            xx=self.xx * cos + self.xy * sin,
            xy=self.xy * cos - self.xx * sin,
            yx=self.yx * cos + self.yy * sin,
            yy=self.yy * cos - self.yx * sin,
        )

    def pixels(self, shape: Points, z: float | Points = 0.0) -> Points:
        """Positions in the picture of the `(n, 2)` points, `z` units in front of the head's axis."""
        return self.linear().place(shape, z)

    def linear(self) -> Placing:
        """The frame as one linear map."""
        squeeze = 1.0 - 0.14 * self.yaw * self.yaw
        ahead_x, ahead_y = 0.62 * self.yaw, 0.5 * self.pitch
        return Placing(
            matrix=np.array([[self.xx * squeeze, self.yx * squeeze], [self.xy, self.yy]]),
            origin=np.array([self.x_px, self.y_px]),
            ahead=np.array([self.xx * ahead_x + self.xy * ahead_y, self.yx * ahead_x + self.yy * ahead_y]),
        )


class Pen:
    """Draws on one transparent layer.

    Args:
        layer: An RGBA picture.
        frame: Where shapes lie on it.
        ink: How they are drawn.
    """

    def __init__(self, layer: Image.Image, frame: Frame, ink: Ink) -> None:
        self.layer = layer
        self.frame = frame
        self.ink = ink
        self._draw = ImageDraw.Draw(layer)
        self._placing = frame.linear()
        self._scale = float(np.hypot(frame.xx, frame.yx))
        nearness = min(max(self._scale / (0.28 * layer.height), 0.4), 1.3)
        self._line_px = max(1.0, ink.width * layer.height * nearness)

    @property
    def floor(self) -> float:
        """The lower edge of the picture in the frame's units; shapes below it need no drawing."""
        frame = self.frame
        corners = [(x - frame.x_px, self.layer.height - frame.y_px) for x in (0, self.layer.width)]
        area = frame.xx * frame.yy - frame.xy * frame.yx
        return max((frame.xx * y - frame.yx * x) / area for x, y in corners)

    @property
    def coarse(self) -> bool:
        """Whether the figure is too small for fine detail."""
        return self._scale < _COARSE_PX

    def sees(self, shape: Points, reach: float) -> bool:
        """Whether anything within `reach` units of the points may be in the picture."""
        placed, far = self._placing.place(shape, 0.0), reach * self._scale
        low, high = placed.min(axis=0) - far, placed.max(axis=0) + far
        return bool(high[0] > 0 and high[1] > 0 and low[0] < self.layer.width and low[1] < self.layer.height)

    def on(self, frame: Frame) -> Pen:
        """A pen on the same layer with another frame."""
        return Pen(self.layer, frame, self.ink)

    def fill(self, shape: Points, colour: Colour, z: float | Points = 0.0, *, line: float = 1.0) -> None:
        """Fill and trace an outline; `line` scales the line's width, 0 draws none."""
        flat = self._flat(shape, z)
        self._draw.polygon(flat, fill=colour if self.ink.filled else _PAPER)
        if line and self.ink.width:
            self._draw.line(flat + flat[:2], fill=self._tone(colour), width=self._width(line), joint=self._joint(line))

    def dot(self, shape: Points, colour: Colour, z: float | Points = 0.0) -> None:
        """Fill an outline whatever the style, untraced: pupils, highlights, small marks."""
        self._draw.polygon(self._flat(shape, z), fill=colour)

    def stroke(self, line: Points, colour: Colour, z: float | Points = 0.0, *, width: float = 1.0) -> None:
        """Draw an open line in a dark tone of `colour`, `width` times the style's (at least a hair)."""
        tone = self._line_tone(colour)
        self._draw.line(self._flat(line, z), fill=tone, width=self._width(width), joint=self._joint(width))

    def trace(self, line: Points, colour: Colour, z: float | Points = 0.0) -> None:
        """Draw an open line only in styles that draw outlines."""
        if self.ink.width:
            self.stroke(line, colour, z)

    def band(self, line: Points, colour: Colour, breadth: float, z: float | Points = 0.0) -> None:
        """Draw an open line in `colour` itself, `breadth` head units broad."""
        breadth_px = max(1, round(breadth * self._scale))
        fill = colour if self.ink.filled else _BLACK
        joint = "curve" if breadth_px > 4 else None
        self._draw.line(self._flat(line, z), fill=fill, width=breadth_px, joint=joint)

    def shade(self, shape: Points, colour: Colour, z: float | Points = 0.0) -> None:
        """Fill an untraced shadow within the drawn shapes; nothing in styles without shadows."""
        if self.ink.shaded and self.ink.filled:
            self._draw.polygon(self._flat(shape, z), fill=colour)

    def shade_all(self, shapes: Points, colours: Sequence[Colour], z: Points) -> None:
        """Shade `k` outlines of equally many points at once: `(k, n, 2)` points, `(k, n)` depths, k colours."""
        if self.ink.shaded and self.ink.filled:
            placed = self._placing.place(shapes.reshape(-1, 2), z.reshape(-1)).reshape(len(shapes), -1)
            for flat, colour in zip(placed.tolist(), colours, strict=True):
                self._draw.polygon(flat, fill=colour)

    def stroke_all(self, lines: Points, colour: Colour, z: Points, *, width: float = 1.0) -> None:
        """Draw `k` open lines of equally many points: `(k, n, 2)` points, `(k, n)` depths."""
        tone, breadth = self._line_tone(colour), self._width(width)
        placed = self._placing.place(lines.reshape(-1, 2), z.reshape(-1)).reshape(len(lines), -1)
        for flat in placed.tolist():
            self._draw.line(flat, fill=tone, width=breadth)

    def gleam(self, shape: Points, colour: Colour, z: float | Points = 0.0) -> None:
        """Fill an untraced highlight; nothing in styles without highlights."""
        if self.ink.lit and self.ink.filled:
            self._draw.polygon(self._flat(shape, z), fill=colour)

    def shade_within(
        self, outline: Points, outline_z: float | Points, shape: Points, shape_z: float | Points, colour: Colour
    ) -> None:
        """Fill the part of `shape` within `outline`, untraced: a cast shadow."""
        if not (self.ink.shaded and self.ink.filled):
            return
        around = self._placing.place(outline, outline_z)
        left, top = np.maximum(around.min(axis=0), 0).astype(int)
        right, bottom = np.minimum(around.max(axis=0) + 1, self.layer.size).astype(int)
        if right <= left or bottom <= top:
            return
        size, corner = (int(right - left), int(bottom - top)), (left, top)
        clip, cast = Image.new("L", size), Image.new("L", size)
        ImageDraw.Draw(clip).polygon((around - corner).ravel().tolist(), fill=255)
        ImageDraw.Draw(cast).polygon((self._placing.place(shape, shape_z) - corner).ravel().tolist(), fill=255)
        self.layer.paste(colour, (int(left), int(top)), ImageChops.multiply(clip, cast))

    def _flat(self, shape: Points, z: float | Points) -> list[float]:
        placed = self._placing.place(shape, z)
        if self.ink.wobble:
            far = self.ink.wobble * self._scale
            wave = placed[:, ::-1] * (5.0 / self._scale) + self.ink.phase
            placed = placed + far * np.sin(wave)
        flat: list[float] = placed.ravel().tolist()
        return flat

    def _tone(self, colour: Colour) -> Colour:
        if not (self.ink.traced and self.ink.filled):
            return _BLACK
        return mix(darker(colour, 0.62 if luma(colour) > 90 else 0.75), _BLACK, 0.3)

    def _line_tone(self, colour: Colour) -> Colour:
        return self._tone(colour) if self.ink.width else darker(colour, 0.4)

    def _width(self, times: float) -> int:
        return max(1, round(self._line_px * times))

    def _joint(self, times: float) -> str | None:
        return "curve" if self._line_px * times > 4 else None
