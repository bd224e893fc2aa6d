"""Soft shading over a whole figure: volume, light from one side, a rim of light, colours that run into each other."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.synthesis.palette import vivid

__all__ = ["modelled"]

_Plane = NDArray[np.float32]


def modelled(figure: Image.Image, rng: random.Random) -> Image.Image:
    """A figure in soft light.

    Args:
        figure: Mode RGBA, clear around the figure.
        rng: Where chance comes from.

    Returns:
        The same shape in other tones, new.
    """
    pixels = np.asarray(figure, np.float32)
    cover = np.asarray(pixels[..., 3] / 255, np.float32)
    angle = rng.uniform(0.0, 2 * np.pi)
    shadow = (
        np.array(vivid(rng.choice((0.65, 0.75, 0.02, rng.random())), rng.uniform(0.2, 0.6), 0.75), np.float32) / 255
    )
    dark = np.clip(_away(cover, angle, rng) + rng.uniform(0.0, 0.35) * _ramp(cover.shape, angle), 0.0, 1.0)[..., None]
    toned = pixels[..., :3] * (1.0 - rng.uniform(0.2, 0.75) * dark * (1.0 - shadow * rng.uniform(0.3, 0.9)))
    if rng.random() < 0.6:
        toned = toned * (1.0 + rng.uniform(0.03, 0.1) * _clouds(cover.shape, rng))
    if rng.random() < 0.35:
        rim = _rim(cover, angle, rng)[..., None]
        toned = toned + rim * (np.array(vivid(rng.random(), 0.3, 1.0), np.float32) - toned)
    return Image.fromarray(np.dstack((np.clip(toned, 0, 255), pixels[..., 3])).astype(np.uint8), "RGBA")


def _away(cover: _Plane, angle: float, rng: random.Random) -> _Plane:
    """What lies away from the light, 0..1: near the figure's edges on one side."""
    height = cover.shape[0]
    soft = _blurred(cover, height * rng.uniform(0.02, 0.07))
    far = height * rng.uniform(0.0, 0.05)
    return np.asarray(np.clip(1.4 * (1.0 - _moved(soft, far, angle)), 0.0, 1.0), np.float32)


def _ramp(shape: tuple[int, ...], angle: float) -> _Plane:
    """From 0 at the light's side of the picture to 1."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    across = np.cos(angle) * (x / shape[1] - 0.5) + np.sin(angle) * (y / shape[0] - 0.5)
    return np.asarray(across + 0.5, np.float32)


def _rim(cover: _Plane, angle: float, rng: random.Random) -> _Plane:
    """A thin light along the edges on one side, 0..1."""
    far = max(1.0, cover.shape[0] * rng.uniform(0.006, 0.02))
    return np.asarray(rng.uniform(0.3, 0.9) * np.clip(cover - _moved(cover, far, angle + np.pi), 0.0, 1.0), np.float32)


def _clouds(shape: tuple[int, ...], rng: random.Random) -> _Plane:
    """Slow changes of each colour, `(height, width, 3)` of mean 0."""
    spots = rng.randint(2, 6)
    noise = np.random.default_rng(rng.getrandbits(64)).normal(0.0, 1.0, (3, spots, spots)).astype(np.float32)
    size = shape[1], shape[0]
    planes = [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)) for plane in noise]
    return np.stack(planes, axis=2)


def _blurred(plane: _Plane, radius: float) -> _Plane:
    picture = Image.fromarray((plane * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(radius))
    return np.asarray(np.asarray(picture.filter(ImageFilter.BoxBlur(radius))) / 255, np.float32)


def _moved(plane: _Plane, far: float, angle: float) -> _Plane:
    x, y = round(far * np.cos(angle)), round(far * np.sin(angle))
    return np.roll(plane, (-y, -x), axis=(0, 1))
