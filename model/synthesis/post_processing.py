"""What happens to the finished drawing: light, tint, grain, text, frames, and the marks of saving."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from model.synthesis.palette import Colour, vivid

__all__ = ["Light", "add_frame", "add_text", "bloom", "compress", "grain", "monochrome", "pixelate", "soften"]

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_WORDS = ("SALE", "No.7", "HELLO", "Vol.2", "2021", "wip", "@sketch", "LOVE", "Stage 3", "Thanks!", "day 12", "RARE")


@dataclass(frozen=True)
class Light:
    """The light of a picture.

    Attributes:
        tint: Red, green and blue factors.
        saturation: 0 grey, 1 as painted.
        gain: Contrast around the middle.
        lift: Brightness added, 0..255 scale.
        glow: Colour of a light from one side.
        angle: Where it comes from, radians.
        strength: How strong it is, 0..1.
    """

    tint: tuple[float, float, float]
    saturation: float
    gain: float
    lift: float
    glow: Colour
    angle: float
    strength: float

    @classmethod
    def draw(cls, rng: random.Random, strong: float = 1.0) -> Light:
        """Choose a light; `strong` (0..1) scales how far it strays from white daylight."""
        heavy = rng.random() < 0.25
        hue = rng.choice((rng.uniform(0.04, 0.14), rng.uniform(0.55, 0.72), rng.uniform(0.75, 0.95), rng.random()))
        cast = vivid(hue, rng.uniform(0.12, 0.45) * strong if heavy else rng.uniform(0.0, 0.14) * strong, 1.0)
        glow = vivid(rng.random(), 0.6, 1.0)
        return cls(
            tint=(cast[0] / 255, cast[1] / 255, cast[2] / 255),
            saturation=1.0 + strong * rng.gauss(0.0, 0.18),
            gain=1.0 + strong * rng.gauss(0.0, 0.1),
            lift=strong * (rng.gauss(0.0, 12.0) - (25.0 if heavy and rng.random() < 0.5 else 0.0)),
            glow=glow,
            angle=rng.uniform(0.0, 2 * np.pi),
            strength=strong * (rng.uniform(0.1, 0.45) if rng.random() < 0.35 else 0.0),
        )

    def shine(self, picture: Image.Image) -> Image.Image:
        """The picture in this light, new."""
        if self.strength:
            picture = picture.copy()
            x, y = 0.5 * float(np.cos(self.angle)), 0.5 * float(np.sin(self.angle))
            corners = [
                self.strength * min(max(across + down + 0.2, 0.0), 1.0) for down in (-y, y) for across in (-x, x)
            ]
            tiny = Image.new("L", (2, 2))
            tiny.putdata([round(255 * share) for share in corners])
            picture.paste(self.glow, (0, 0), tiny.resize(picture.size, Image.Resampling.BICUBIC))
        matrix = self.saturation * np.eye(3) + (1.0 - self.saturation) * _LUMA[None, :]
        matrix = matrix * (np.array(self.tint) * self.gain)[:, None]
        rows = np.concatenate((matrix, np.full((3, 1), self.lift + 110.0 * (1.0 - self.gain))), axis=1)
        return picture.convert("RGB", tuple(rows.ravel().tolist()))


def _picture(pixels: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0.0, 255.0).astype(np.uint8))


def monochrome(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture in grey, sepia, or ink and paper."""
    grey = picture.convert("L")
    kind = rng.random()
    if kind < 0.6:
        return grey.convert("RGB")
    if kind < 0.85:
        dark = np.array(vivid(rng.random(), 0.6, 0.25), dtype=np.float32)
        light = np.array(vivid(rng.random(), 0.12, 1.0), dtype=np.float32)
        share = np.asarray(grey, dtype=np.float32)[..., None] / 255.0
        return _picture(dark + (light - dark) * share)
    return grey.point(lambda level: 255 if level > 128 else (150 if level > 80 else 20)).convert("RGB")


def pixelate(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture as pixel art: few pixels, few colours."""
    width, height = picture.size
    share = rng.uniform(48, 84) / height
    small = picture.resize((max(1, round(width * share)), max(1, round(height * share))), Image.Resampling.BOX)
    levels = rng.choice((24, 36, 51))
    small = small.point(lambda level: min(255, (level + levels // 2) // levels * levels))
    return small.resize(picture.size, Image.Resampling.NEAREST)


def soften(picture: Image.Image, radius: float) -> Image.Image:
    """The picture blurred by `radius`, a share of its height."""
    return picture.filter(ImageFilter.GaussianBlur(radius * picture.height))


def bloom(picture: Image.Image, radius: float, share: float) -> Image.Image:
    """The picture with `share` (0..1) of itself blurred over it: the soft transitions of a brush, edges kept."""
    blurred = picture.filter(ImageFilter.BoxBlur(max(1.0, radius * picture.height)))
    return Image.blend(picture, blurred, share)


def grain(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture with the grain of brush or paper."""
    width, height = picture.size
    coarse = rng.choice((1, 2))
    source = np.random.default_rng(rng.getrandbits(64))
    noise = source.normal(0.0, rng.uniform(2.0, 7.0), (-(-height // coarse), -(-width // coarse), 1)).astype(np.float32)
    noise = noise.repeat(coarse, axis=0).repeat(coarse, axis=1)[:height, :width]
    return _picture(np.asarray(picture, dtype=np.float32) + noise)


def add_text(picture: Image.Image, rng: random.Random) -> None:
    """Write a word or two on the picture, in place."""
    pen = ImageDraw.Draw(picture)
    width, height = picture.size
    for _ in range(rng.randint(1, 2)):
        font = ImageFont.load_default(size=max(8.0, height * rng.uniform(0.06, 0.14)))
        place = (width * rng.uniform(0.0, 0.6), height * rng.choice((0.02, rng.uniform(0.7, 0.88))))
        tone = vivid(rng.random(), rng.random(), rng.choice((0.1, 0.95)))
        edge = (255, 255, 255) if sum(tone) < 380 else (30, 30, 40)
        pen.text(place, rng.choice(_WORDS), fill=tone, font=font, stroke_width=max(1, height // 90), stroke_fill=edge)


def add_frame(picture: Image.Image, rng: random.Random) -> None:
    """Set a card's frame around the picture, in place: border, rounded corners, sometimes badges."""
    width, height = picture.size
    side = min(width, height)
    pen = ImageDraw.Draw(picture)
    outside = (255, 255, 255) if rng.random() < 0.7 else vivid(rng.random(), 0.4, 0.9)
    mask = Image.new("L", picture.size, 255)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), side * rng.uniform(0.02, 0.16), fill=0)
    if rng.random() < 0.65:
        border = vivid(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.6, 1.0))
        pen.rounded_rectangle(
            (0, 0, width - 1, height - 1),
            side * 0.1,
            outline=border,
            width=max(1, round(side * rng.uniform(0.02, 0.07))),
        )
    picture.paste(outside, (0, 0), mask)
    corners = ((0.12, 0.12), (0.88, 0.12), (0.12, 0.88), (0.88, 0.88))
    for x, y in rng.sample(corners, rng.choice((0, 1, 2))):
        r = side * rng.uniform(0.07, 0.11)
        box = (x * width - r, y * height - r, x * width + r, y * height + r)
        pen.ellipse(box, fill=vivid(rng.random(), 0.7, 0.9), outline=(255, 255, 255), width=max(1, round(r * 0.18)))


def compress(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture after being saved as a poor JPEG."""
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=rng.randint(30, 80))
    return Image.open(held).convert("RGB")
