"""Backgrounds: plain colour, gradients, patterns, scenery, texture."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from model.synthesis.palette import Colour, darker, lighter, mix, vivid

__all__ = ["GENTLE", "KINDS", "draw_background"]

Size = tuple[int, int]
_SMOOTH_PX = 200
"""Height from which aliasing at slanting edges would be visible."""

KINDS = {
    "white": 20,
    "plain": 14,
    "gradient": 16,
    "stripes": 6,
    "dots": 6,
    "checks": 4,
    "rays": 5,
    "sky": 9,
    "hills": 6,
    "room": 7,
    "night": 6,
    "bokeh": 7,
    "cloudy": 8,
    "noise": 3,
    "panels": 4,
}
"""Kinds of background with their weights."""

GENTLE = {
    "white": 10,
    "plain": 14,
    "gradient": 26,
    "stripes": 5,
    "dots": 6,
    "rays": 4,
    "sky": 14,
    "hills": 9,
    "bokeh": 12,
}
"""Plainer kinds, with their weights."""


def draw_background(rng: random.Random, size: Size, kinds: dict[str, int], theme: Colour) -> Image.Image:
    """Draw a background of `(width, height)` pixels; `theme` is a colour that some of them use."""
    if size[1] < _SMOOTH_PX:
        return _drawn(rng, size, kinds, theme)
    return _drawn(rng, (2 * size[0], 2 * size[1]), kinds, theme).reduce(2)


def _drawn(rng: random.Random, size: Size, kinds: dict[str, int], theme: Colour) -> Image.Image:
    kind = rng.choices(list(kinds), weights=list(kinds.values()))[0]
    first = _tone(rng, theme)
    if kind == "white":
        return Image.new("RGB", size, (255, 255, 255) if rng.random() < 0.7 else (244, 244, 246))
    if kind == "plain":
        return Image.new("RGB", size, first)
    if kind in ("sky", "hills", "night", "room"):
        return _scenery(rng, size, kind)
    if kind in ("cloudy", "noise"):
        return _cloudy(rng, size, first, 5 if kind == "cloudy" else 48)
    second = mix(first, _tone(rng, theme), 0.5) if rng.random() < 0.5 else lighter(first, 0.45)
    base = _gradient(size, first, second, rng.random() < 0.75)
    if kind != "gradient":
        _pattern(rng, base, kind, lighter(first, 0.55) if rng.random() < 0.6 else darker(first, 0.25))
    return base


def _tone(rng: random.Random, theme: Colour) -> Colour:
    if rng.random() < 0.25:
        return lighter(theme, rng.uniform(0.0, 0.6))
    return vivid(rng.random(), rng.choice((rng.uniform(0.02, 0.2), rng.uniform(0.2, 0.75))), rng.uniform(0.25, 1.0))


def _gradient(size: Size, first: Colour, second: Colour, upright: bool) -> Image.Image:
    tiny = Image.new("RGB", (1, 2) if upright else (2, 1))
    tiny.putpixel((0, 0), first)
    tiny.putpixel((0, 1) if upright else (1, 0), second)
    return tiny.resize(size, Image.Resampling.BICUBIC)


def _cloudy(rng: random.Random, size: Size, tone: Colour, grain: int) -> Image.Image:
    noise = np.random.default_rng(rng.getrandbits(64)).normal(0.0, 40.0, (grain, grain, 3))
    if rng.random() < 0.5:
        noise[..., 1:] = noise[..., :1]
    tiny = np.clip(np.array(tone) + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(tiny).resize(size, Image.Resampling.BICUBIC)


def _pattern(rng: random.Random, base: Image.Image, kind: str, tone: Colour) -> None:
    pen = ImageDraw.Draw(base)
    width, height = base.size
    step = height * rng.uniform(0.08, 0.3)
    if kind == "stripes":
        slant = rng.choice((0.0, 1.0, -0.6)) * height
        x = -abs(slant)
        while x < width + abs(slant):
            pen.polygon((x, 0, x + step / 2, 0, x + step / 2 + slant, height, x + slant, height), fill=tone)
            x += step
    elif kind == "rays":
        x, y, n = width * rng.random(), height * rng.random(), rng.randint(7, 16)
        for turn in range(n):
            ends = [2 * math.pi * (turn + part) / n for part in (0.0, 0.5)]
            far = 2.0 * (width + height)
            pen.polygon((x, y, *(c for a in ends for c in (x + far * math.cos(a), y + far * math.sin(a)))), fill=tone)
    elif kind == "panels":
        for _ in range(rng.randint(3, 8)):
            x, y = width * rng.random(), height * rng.random()
            pen.rectangle(
                (x, y, x + step * 2, y + step * rng.uniform(0.5, 3)), fill=vivid(rng.random(), 0.5, rng.random())
            )
    elif kind == "bokeh":
        for _ in range(rng.randint(6, 18)):
            x, y, r = width * rng.random(), height * rng.random(), step * rng.uniform(0.1, 0.8)
            pen.ellipse((x - r, y - r, x + r, y + r), fill=mix(tone, vivid(rng.random(), 0.4, 1.0), 0.4))
        base.paste(base.filter(ImageFilter.BoxBlur(max(1, height // 60))))
    else:
        step = max(step, height / 9)
        for row in range(int(height / step) + 2):
            for column in range(int(width / step) + 2):
                x, y = (column + (0.5 if row % 2 else 0.0)) * step, row * step
                r = step * 0.27
                if kind == "dots":
                    pen.ellipse((x - r, y - r, x + r, y + r), fill=tone)
                else:
                    pen.rectangle((x - step / 4, y - step / 2, x + step / 4, y + step / 2), fill=tone)


def _scenery(rng: random.Random, size: Size, kind: str) -> Image.Image:
    width, height = size
    if kind == "night":
        sky = _gradient(size, vivid(rng.uniform(0.58, 0.8), 0.7, 0.16), vivid(rng.uniform(0.55, 0.9), 0.6, 0.42), True)
    elif kind == "room":
        wall = vivid(rng.uniform(0.02, 0.16), rng.uniform(0.1, 0.4), rng.uniform(0.6, 0.95))
        sky = Image.new("RGB", size, wall)
    else:
        dusk = rng.random() < 0.25
        high = vivid(rng.uniform(0.62, 0.8), 0.45, 0.75) if dusk else vivid(rng.uniform(0.52, 0.6), 0.55, 0.95)
        sky = _gradient(size, high, (255, 206, 164) if dusk else (226, 242, 252), True)
    pen = ImageDraw.Draw(sky)
    horizon = height * rng.uniform(0.45, 0.85)
    if kind == "night":
        for _ in range(30):
            x, y, r = width * rng.random(), height * rng.random(), height * rng.uniform(0.002, 0.008)
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(252, 246, 210))
        x = 0.0
        while x < width:
            tall, wide = height * rng.uniform(0.1, 0.45), width * rng.uniform(0.08, 0.2)
            pen.rectangle((x, height - tall, x + wide, height), fill=vivid(0.66, 0.4, rng.uniform(0.06, 0.14)))
            x += wide
    elif kind == "room":
        pen.rectangle((0, horizon, width, height), fill=vivid(rng.uniform(0.03, 0.1), 0.45, rng.uniform(0.35, 0.7)))
        x, y = width * rng.uniform(0.0, 0.6), height * rng.uniform(0.05, 0.25)
        pane = (x, y, x + width * 0.38, y + height * 0.42)
        pen.rectangle(pane, fill=(206, 232, 250), outline=(120, 90, 72), width=max(1, height // 40))
        pen.line((x + width * 0.19, y, x + width * 0.19, pane[3]), fill=(120, 90, 72), width=max(1, height // 60))
    else:
        for _ in range(rng.randint(2, 5)):
            x, y = width * rng.random(), horizon * rng.random()
            for _ in range(4):
                r = height * rng.uniform(0.03, 0.09)
                dx, dy = r * rng.uniform(-2, 2), r * rng.uniform(-0.4, 0.4)
                pen.ellipse((x + dx - r * 1.5, y + dy - r, x + dx + r * 1.5, y + dy + r), fill=(250, 252, 255))
        _ground(rng, pen, size, horizon, sea=kind == "sky" and rng.random() < 0.6)
    return sky


def _ground(rng: random.Random, pen: ImageDraw.ImageDraw, size: Size, horizon: float, sea: bool) -> None:
    width, height = size
    hue = rng.uniform(0.52, 0.6) if sea else rng.uniform(0.2, 0.38)
    for layer in range(3):
        tone = vivid(hue, 0.5, 0.85 - 0.14 * layer)
        level = horizon + layer * 0.12 * height
        bump = 0.01 * height if sea else height * 0.06
        phase, pace = rng.uniform(0, 6), rng.uniform(1.5, 5)
        x = np.linspace(0, width, 13)
        y = level + bump * np.sin(phase + pace * x / width)
        edge = np.stack((x, y), axis=1).ravel().tolist()
        pen.polygon([*edge, width, height, 0, height], fill=tone)
