"""Random augmentation of training pictures, each from its own seed."""

from __future__ import annotations

import colorsys
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from model.images.preprocessing import Preprocessing
from model.training.config import AugmentationConfig

__all__ = ["augment"]

_TRIES = 8
_NET = 4
"""Cells along a side of the warping grid."""


def augment(
    picture: Image.Image, config: AugmentationConfig, preprocessing: Preprocessing, seed: int
) -> NDArray[np.uint8]:
    """Augment an RGB picture and make the input tensor: `(size_px, size_px, 3)` uint8; the seed decides the pixels."""
    rng = np.random.default_rng(seed)
    picture = _shape(picture, config, rng)
    side = preprocessing.size_px
    picture.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=None)
    picture = _colours(picture, config, rng)
    if config.texture and rng.random() < config.texture:
        picture = _texture(picture, rng)
    picture = _damage(picture, config, rng)
    return preprocessing(picture)


def _shape(picture: Image.Image, config: AugmentationConfig, rng: np.random.Generator) -> Image.Image:
    if config.rotate_deg and rng.random() < 0.5:
        angle = rng.uniform(-config.rotate_deg, config.rotate_deg)
        fill = picture.getpixel((0, 0))
        picture = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=fill)
    if config.crop < 1 or config.stretch > 1:
        picture = _crop(picture, config, rng)
    if config.warp and min(picture.size) > _NET and rng.random() < 0.5:
        picture = _warp(picture, config.warp, rng)
    if rng.random() < config.flip:
        picture = ImageOps.mirror(picture)
    return picture


def _crop(picture: Image.Image, config: AugmentationConfig, rng: np.random.Generator) -> Image.Image:
    """Keep a random rectangle of at least `crop` of the area, with sides changed by up to `stretch`."""
    width, height = picture.size
    for _ in range(_TRIES):
        area = rng.uniform(config.crop, 1.0) * width * height
        ratio = width / height * math.exp(rng.uniform(-1, 1) * math.log(config.stretch))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left, top = rng.integers(0, width - wide + 1), rng.integers(0, height - high + 1)
            box = (int(left), int(top), int(left) + wide, int(top) + high)
            # Scaling the crop to the picture's shape stretches it.
            return picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)
    return picture.copy()


def _warp(picture: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    """Move the inner corners of a grid, which imitates another artist's shapes."""
    width, height = picture.size
    lines = np.linspace(0, 1, _NET + 1)
    corners = np.stack(np.meshgrid(lines * width, lines * height), axis=2)  # (row, column, xy)
    corners[1:-1, 1:-1] += rng.uniform(-share, share, (_NET - 1, _NET - 1, 2)) * (width, height)
    mesh = []
    for row in range(_NET):
        for column in range(_NET):
            left, top = round(lines[column] * width), round(lines[row] * height)
            box = (left, top, round(lines[column + 1] * width), round(lines[row + 1] * height))
            around = ((row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1))
            mesh.append((box, tuple(float(value) for corner in around for value in corners[corner])))
    return picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _texture(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Add strands, hatching or brushwork to flat colours, or sharpen or soften edges; hues stay."""
    if rng.random() < 0.4:
        kernel = rng.normal(0.0, rng.uniform(0.05, 0.25), (3, 3))
        kernel[1, 1] += 1.0 - kernel.sum()
        return picture.filter(ImageFilter.Kernel((3, 3), kernel.ravel().tolist(), scale=1.0))
    side = 2 * max(picture.size)
    wide, high = (max(2, round(side / rng.uniform(2.0, 12.0))) for _ in range(2))
    grain = Image.fromarray(rng.normal(0.0, 1.0, (high, wide)).astype(np.float32))
    grain = grain.resize((side, side), Image.Resampling.BILINEAR).rotate(float(rng.uniform(0, 180)))
    left, top = (side - picture.width) // 2, (side - picture.height) // 2
    grain = grain.crop((left, top, left + picture.width, top + picture.height))
    shade = 1.0 + rng.uniform(0.05, 0.3) * np.asarray(grain, np.float32)[:, :, None]
    return Image.fromarray((np.asarray(picture, np.float32) * shade).clip(0, 255).astype(np.uint8))


def _colours(picture: Image.Image, config: AugmentationConfig, rng: np.random.Generator) -> Image.Image:
    for enhance, amount in (
        (ImageEnhance.Brightness, config.brightness),
        (ImageEnhance.Contrast, config.contrast),
        (ImageEnhance.Color, config.saturation),
    ):
        if amount:
            picture = enhance(picture).enhance(1.0 + rng.uniform(-amount, amount))
    if config.hue:
        shift = round(rng.uniform(-config.hue, config.hue) * 255)
        hue, saturation, value = picture.convert("HSV").split()
        hue = hue.point([(i + shift) % 256 for i in range(256)])
        picture = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    if config.tint and rng.random() < 0.3:
        picture = _tint(picture, rng.uniform(0, config.tint), rng)
    if rng.random() < config.grey:
        picture = picture.convert("L").convert("RGB")
    return picture


def _tint(picture: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Add coloured light: multiply (evening, night) or screen (glow) with one colour, stronger on one side."""
    light = np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.9), 1.0), np.float32)
    pixels = np.asarray(picture, np.float32) / 255.0
    ramp = np.linspace(1.0, rng.uniform(0.0, 1.0), pixels.shape[0], dtype=np.float32)[:, None, None] * strength
    lit = pixels * light if rng.random() < 0.5 else 1.0 - (1.0 - pixels) * (1.0 - 0.6 * light)
    mixed = pixels + (lit - pixels) * ramp
    return Image.fromarray((mixed * 255.0 + 0.5).clip(0, 255).astype(np.uint8))


def _damage(picture: Image.Image, config: AugmentationConfig, rng: np.random.Generator) -> Image.Image:
    if rng.random() < config.frame:
        picture = _frame(picture, rng)
    if rng.random() < config.erase:
        picture = _erase(picture, rng)
    if rng.random() < config.blur:
        picture = _blur(picture, rng)
    if rng.random() < config.jpeg:
        picture = _jpeg(picture, int(rng.integers(25, 85)))
    return picture


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3)
    return int(red), int(green), int(blue)


def _frame(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Add a border in one colour and a round badge in one or two corners."""
    picture = picture.copy()
    pen = ImageDraw.Draw(picture)
    width, height = picture.size
    side = min(width, height)
    border = round(side * rng.uniform(0.02, 0.08))
    round_px = round(side * rng.uniform(0.0, 0.12))
    pen.rounded_rectangle((0, 0, width - 1, height - 1), round_px, outline=_colour(rng), width=max(1, border))
    for left, top in rng.permutation([[0, 0], [0, 1], [1, 0], [1, 1]])[: int(rng.integers(0, 3))]:
        size = round(side * rng.uniform(0.15, 0.3))
        x, y = int(left) * (width - size), int(top) * (height - size)
        pen.ellipse((x, y, x + size, y + size), fill=_colour(rng), outline=_colour(rng), width=2)
    return picture


def _erase(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    picture = picture.copy()
    width, height = picture.size
    wide, high = (max(1, int(length * rng.uniform(0.1, 0.4))) for length in (width, height))
    left, top = int(rng.integers(0, width - wide + 1)), int(rng.integers(0, height - high + 1))
    picture.paste(_colour(rng), (left, top, left + wide, top + high))
    return picture


def _blur(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.5:
        return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.5))))
    share = rng.uniform(0.4, 0.8)
    small = picture.resize((max(1, round(picture.width * share)), max(1, round(picture.height * share))))
    return small.resize(picture.size, Image.Resampling.BILINEAR)


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
