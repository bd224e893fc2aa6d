"""Strands, a ring of light and slow changes of tone over drawn hair, as painters make them."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.synthesis.palette import Colour, Scheme, darker, lighter, vivid

__all__ = ["with_strands"]

_Plane = NDArray[np.float32]
_NEAR = 22.0
"""Distance of colours, 0..255 scale, up to which a pixel is taken for hair."""


def with_strands(
    figure: Image.Image, colours: Scheme, head: tuple[float, float, float, float], rng: random.Random
) -> Image.Image:
    """A figure whose hair is painted strand by strand.

    What is hair is told by its colour, so that clothes of the same colour get folds of the same kind.

    Args:
        figure: Mode RGBA, drawn in flat colours.
        colours: The colours that it was drawn in.
        head: Left, top, right and bottom of the head, in pixels; strands begin at its crown.
        rng: Where chance comes from.

    Returns:
        The same shape, new.
    """
    pixels = np.asarray(figure, np.float32)
    hair = _hair(pixels, colours)
    rows, columns = np.nonzero(hair)
    if len(rows) == 0:
        return figure
    turn, far = _around_crown(rows, columns, head, rng)
    strands = _noise(turn, far, rng.uniform(14.0, 40.0), rng.uniform(1.5, 4.0), rng)
    tufts = _noise(turn, far, rng.uniform(4.0, 9.0), 1.5, rng)
    change = rng.uniform(0.04, 0.16) * strands + rng.uniform(0.04, 0.16) * tufts
    change = change + rng.gauss(0.0, 0.14) * np.clip(far - 0.6, -0.6, 1.5)  # tips lighter or darker than roots
    tones = pixels[rows, columns, :3] * np.exp(change)[:, None]
    if rng.random() < 0.7:
        tones = tones + _ring(strands, tufts, far, rng)[:, None] * (_light(colours.hair, rng) - tones)
    if rng.random() < 0.3:
        tint = np.array(vivid(rng.random(), 0.5, 0.9), np.float32)
        tones = tones + rng.uniform(0.1, 0.45) * np.clip(far - 0.7, 0.0, 1.0)[:, None] * (tint - tones)
    painted = pixels.copy()
    painted[rows, columns, :3] = np.clip(tones, 0, 255)
    return Image.fromarray(painted.astype(np.uint8), "RGBA")


def _hair(pixels: NDArray[np.float32], colours: Scheme) -> NDArray[np.bool_]:
    """Where the colour is that of the hair, or of its shadows and lights."""
    found = np.zeros(pixels.shape[:2], np.bool_)
    for colour in (colours.hair, colours.hair_second):
        for tone in (colour, darker(colour, 0.2), darker(colour, 0.4), lighter(colour, 0.2), lighter(colour, 0.4)):
            found |= np.abs(pixels[..., :3] - np.array(tone, np.float32)).max(axis=2) < _NEAR
    return found & (pixels[..., 3] > 128)


def _around_crown(
    rows: NDArray[np.int64], columns: NDArray[np.int64], head: tuple[float, float, float, float], rng: random.Random
) -> tuple[_Plane, _Plane]:
    """Direction from the crown, -1..1 of a turn's half, and distance in heads, of each pixel."""
    left, top, right, bottom = head
    size = max(right - left, bottom - top, 1.0)
    x = columns - (left + right) / 2 - rng.gauss(0.0, 0.08) * size
    y = rows - top - rng.uniform(0.0, 0.15) * size
    far = np.hypot(x, y) / size
    bend = rng.gauss(0.0, 0.25) * far  # strands are not straight
    return (np.arctan2(x, y) / np.pi + bend).astype(np.float32), far.astype(np.float32)


def _noise(turn: _Plane, far: _Plane, across: float, along: float, rng: random.Random) -> _Plane:
    """Smooth noise, -1..1 or so, that changes `across` times in half a turn and `along` times in a head's height."""
    table = np.random.default_rng(rng.getrandbits(64)).normal(0.0, 1.0, (64, 64)).astype(np.float32)
    u, v = turn * across + 32.0, far * along
    low_u, low_v = np.floor(u), np.floor(v)
    part_u, part_v = u - low_u, v - low_v
    at_u, at_v = low_u.astype(np.int64) % 64, low_v.astype(np.int64) % 64
    next_u, next_v = (at_u + 1) % 64, (at_v + 1) % 64
    upper = table[at_u, at_v] * (1 - part_u) + table[next_u, at_v] * part_u
    lower = table[at_u, next_v] * (1 - part_u) + table[next_u, next_v] * part_u
    return np.asarray(upper * (1 - part_v) + lower * part_v, np.float32)


def _ring(strands: _Plane, tufts: _Plane, far: _Plane, rng: random.Random) -> _Plane:
    """Share of light in the ring that shines on hair, broken up by strands."""
    middle, wide = rng.uniform(0.25, 0.5), rng.uniform(0.04, 0.12)
    place = far - middle - rng.uniform(0.0, 0.06) * strands - 0.04 * tufts
    return np.asarray(rng.uniform(0.2, 0.75) * np.exp(-((place / wide) ** 2)), np.float32)


def _light(hair: Colour, rng: random.Random) -> NDArray[np.float32]:
    return np.array(lighter(hair, rng.uniform(0.45, 0.9)), np.float32)
