"""How a finished drawing was made by hand: pencil, ink and hatching, screentone, watercolour, brush, few colours.

Each takes a picture in mode RGB and gives a new one of the same size. Lengths are shares of the picture's shorter
side, so that a large picture looks like a small one.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, ImageOps

from model.synthesis.palette import vivid

__all__ = ["COLOURED", "GREY", "rendered"]

_Grey = NDArray[np.float32]
"""`(height, width)`, 0 dark .. 1 light."""

_Hand = Callable[[Image.Image, random.Random], Image.Image]


def rendered(picture: Image.Image, name: str, rng: random.Random) -> Image.Image:
    """The picture by the hand of that name, one of `COLOURED` or `GREY`."""
    return _HANDS[name](picture, rng)


def _pencil(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Soft grey lines, and tones rubbed in: a light print of the greys divided by their blurred negative."""
    light = _light(picture)
    around = _light(picture.filter(ImageFilter.GaussianBlur(_length(picture, rng.uniform(0.012, 0.03)))))
    lines = np.clip(light / np.maximum(around, 0.05), 0.0, 1.0) ** rng.uniform(1.0, 2.5)
    tones = 1.0 - rng.uniform(0.0, 0.75) * (1.0 - light)
    return _paper(lines * tones, rng)


def _lines(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Lines alone, found by the difference of two blurs (Winnemoeller 2011), with black where it is darkest."""
    light = _light(picture)
    narrow = max(0.5, _length(picture, rng.uniform(0.003, 0.007)))
    near, far = (_blurred(light, radius) for radius in (narrow, 1.6 * narrow))
    ink = 1.0 + np.tanh(np.minimum(rng.uniform(18.0, 40.0) * (near - 0.985 * far), 0.0))
    solid = rng.choice((0.0, 0.0, rng.uniform(0.1, 0.3)))
    return _paper(np.where(light < solid, 0.0, ink), rng)


def _hatched(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Lines, with strokes in the shadows, crossed in the deepest."""
    light = _light(picture)
    ink = np.asarray(np.asarray(_lines(picture, rng).convert("L")) / 255, np.float32)
    angle, step = rng.uniform(0.4, 1.2), max(2.0, _length(picture, rng.uniform(0.02, 0.035)))
    for least, turn in ((0.62, 0.0), (0.4, np.pi / 2), (0.22, np.pi / 4)):
        strokes = _waves(light.shape, step, angle + turn) > rng.uniform(0.1, 0.4)
        ink = np.where((light < least) & strokes, np.minimum(ink, 0.15), ink)
    return _paper(ink, rng)


def _screentone(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A printed page: dots whose size follows the tone, solid blacks, black lines."""
    light = _light(ImageOps.autocontrast(picture.convert("L"), 1).convert("RGB"))
    step, angle = max(2.2, _length(picture, rng.uniform(0.018, 0.032))), rng.uniform(0.5, 1.0)
    cells = (_waves(light.shape, step, angle) + _waves(light.shape, step, angle + np.pi / 2) + 2) / 4
    levels = np.round(light * 4) / 4 if rng.random() < 0.6 else light
    dots = np.clip((0.15 + 0.9 * levels - cells) * step * 0.8 + 0.5, 0.0, 1.0)
    dots = np.where(light < 0.2, 0.0, np.where(light > 0.86, 1.0, dots))
    lines = np.asarray(_lines(picture, rng).convert("L"), np.float32) / 255
    return _print(np.minimum(dots, lines))


def _watercolour(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Pale washes that run unevenly, darker where they end, on a grained paper."""
    washed = picture.filter(ImageFilter.MedianFilter(_odd(_length(picture, rng.uniform(0.015, 0.035)))))
    pixels = np.asarray(washed, np.float32) / 255
    pixels = 1.0 - (1.0 - pixels) * rng.uniform(0.55, 0.9)
    uneven = 1.0 + rng.uniform(0.04, 0.14) * _clouds(picture.size, rng.uniform(3, 9), rng)[..., None]
    edges = np.abs(_light(washed) - _blurred(_light(washed), _length(picture, 0.012)))[..., None]
    grain = 1.0 + rng.uniform(0.0, 0.025) * _clouds(picture.size, 60.0, rng)[..., None]
    pixels = (1.0 - (1.0 - pixels) * uneven) * (1.0 - rng.uniform(0.3, 1.2) * edges) * grain
    painted = Image.fromarray((np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8))
    if rng.random() < 0.5:
        painted = ImageChops.multiply(painted, _lines(picture, rng))
    return painted


def _brush(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Visible strokes: every place takes the colour of one nearby, and strokes differ a little in tone."""
    width, height = picture.size
    far, angle = _length(picture, rng.uniform(0.004, 0.009)), rng.uniform(0.0, np.pi)
    along = _strokes(picture.size, rng.uniform(10.0, 22.0), angle, rng)
    y, x = np.mgrid[0:height, 0:width]
    x = np.clip(np.round(x - far * along * np.sin(angle)), 0, width - 1).astype(np.int64)
    y = np.clip(np.round(y + far * along * np.cos(angle)), 0, height - 1).astype(np.int64)
    soft = picture.filter(ImageFilter.MedianFilter(3))
    pixels = np.asarray(soft, np.float32)[y, x] * (1.0 + rng.uniform(0.03, 0.09) * along[..., None])
    painted = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return painted.filter(ImageFilter.GaussianBlur(_length(picture, rng.uniform(0.0, 0.006))))


def _few_colours(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A print in few colours."""
    return picture.quantize(rng.randint(6, 14), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")


def _graded(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Colours as a film gives them: shadows of one hue, lights of another, a curve of tone."""
    pixels = np.asarray(picture, np.float32) / 255
    light = _light(picture)[..., None]
    hue, strength = rng.random(), rng.uniform(0.05, 0.22)
    dark, bright = (np.array(vivid(hue + turn, 0.7, 0.9), np.float32) / 255 - 0.5 for turn in (0.0, 0.5))
    pixels = pixels ** np.float32(np.exp(rng.gauss(0.0, 0.25)))
    pixels = pixels + strength * ((1.0 - light) * dark + light * bright)
    return Image.fromarray((np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8))


def _toned(picture: Image.Image, rng: random.Random) -> Image.Image:
    """One ink on tinted paper."""
    dark, pale = vivid(rng.random(), rng.uniform(0.3, 0.9), 0.25), vivid(rng.random(), rng.uniform(0.0, 0.25), 0.97)
    return ImageOps.colorize(ImageOps.autocontrast(picture.convert("L"), 1), dark, pale)


def _grey(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Greys, sometimes without the middle tones."""
    light = _light(picture)
    strength = rng.choice((0.0, rng.uniform(0.0, 6.0)))
    curve = 1.0 / (1.0 + np.exp(-strength * (light - rng.uniform(0.35, 0.6)))) if strength > 1.0 else light
    low, high = float(curve.min()), float(curve.max())
    return _print((curve - low) / max(high - low, 1e-3))


COLOURED: dict[str, int] = {"watercolour": 25, "brush": 35, "few colours": 10, "graded": 30}
"""Hands that keep colours, with their weights."""

GREY: dict[str, int] = {"pencil": 22, "lines": 16, "hatched": 12, "screentone": 18, "toned": 8, "grey": 24}
"""Hands that do not, with their weights."""

_HANDS: dict[str, _Hand] = {
    "watercolour": _watercolour,
    "brush": _brush,
    "few colours": _few_colours,
    "graded": _graded,
    "pencil": _pencil,
    "lines": _lines,
    "hatched": _hatched,
    "screentone": _screentone,
    "toned": _toned,
    "grey": _grey,
}


def _length(picture: Image.Image, share: float) -> float:
    return share * min(picture.size)


def _odd(length: float) -> int:
    return 2 * max(1, round(length / 2)) + 1


def _light(picture: Image.Image) -> _Grey:
    return np.asarray(np.asarray(picture.convert("L")) / 255, np.float32)


def _blurred(light: _Grey, radius: float) -> _Grey:
    picture = Image.fromarray((light * 255).astype(np.uint8))
    return np.asarray(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))) / 255, np.float32)


def _print(ink: _Grey) -> Image.Image:
    return Image.fromarray((np.clip(ink, 0.0, 1.0) * 255).astype(np.uint8)).convert("RGB")


def _paper(ink: _Grey, rng: random.Random) -> Image.Image:
    """Ink on white, or on paper that is a little darker."""
    return _print(ink * rng.choice((1.0, 1.0, rng.uniform(0.8, 1.0))))


def _waves(shape: tuple[int, ...], step: float, angle: float) -> _Grey:
    """Parallel waves, -1..1, `step` pixels long."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return np.asarray(np.cos(2 * np.pi * (x * np.sin(angle) + y * np.cos(angle)) / step), np.float32)


def _clouds(size: tuple[int, int], count: float, rng: random.Random) -> _Grey:
    """Smooth noise of mean 0 and deviation about 1, with `count` spots along a side."""
    noise = np.random.default_rng(rng.getrandbits(64)).normal(0.0, 1.0, (max(2, round(count)),) * 2)
    return np.asarray(Image.fromarray(noise.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))


def _strokes(size: tuple[int, int], count: float, angle: float, rng: random.Random) -> _Grey:
    """Noise as `_clouds`, drawn out in one direction."""
    side = round(1.5 * max(size))
    noise = np.random.default_rng(rng.getrandbits(64)).normal(0.0, 1.0, (round(count), max(2, round(count / 5))))
    long = Image.fromarray(noise.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    turned = long.rotate(float(np.degrees(angle)), Image.Resampling.BILINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    return np.asarray(turned.crop((left, top, left + size[0], top + size[1])))
