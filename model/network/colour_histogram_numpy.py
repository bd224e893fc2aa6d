"""The colour histogram of `model.network.colour_histogram` by numpy, without torch; it gives the same numbers."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.images.constants import BINS, LEVELS, SAMPLES, SPREAD, WHITE, WHITE_WEIGHT

__all__ = ["histograms", "unit_colours"]

_TONES = np.arange(256, dtype=np.float32) / 255 * (LEVELS - 1)
_BELOW = np.minimum(_TONES.astype(np.int64), LEVELS - 2)
"""For each tone the level at or below it, and its distance to that level."""
_BEYOND = (_TONES - _BELOW).astype(np.float32)
_LIGHT = np.arange(256, dtype=np.float32) / 255 > WHITE


def unit_colours(pictures: NDArray[np.uint8], tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Colour histogram features: `(n, side, side, 3)` uint8 to `(n, colours)` float32, unit length."""
    turned = histograms(pictures) @ tensors["colours.axes.weight"].T + tensors["colours.axes.bias"]
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    unit: NDArray[np.float32] = turned / np.maximum(lengths, np.float32(1e-12))
    return unit


def histograms(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Square roots of the share of each colour, `(n, BINS)`; see `model.network.colour_histogram.histograms`."""
    step = max(1, pictures.shape[1] // SAMPLES)
    planes = np.ascontiguousarray(np.moveaxis(pictures[:, ::step, ::step], 3, 0))  # (3, n, h, w)
    paper = _LIGHT[np.minimum(np.minimum(planes[0], planes[1]), planes[2])]
    weights = np.where(paper, np.float32(WHITE_WEIGHT), np.float32(1)) * _middle(planes.shape[2])
    below = np.take(_BELOW, planes)
    bins = (below[0] * LEVELS + below[1]) * LEVELS + below[2] + BINS * np.arange(len(pictures))[:, None, None]
    beyond = np.take(_BEYOND, planes)
    counts = np.zeros(BINS * (len(pictures) + 1))
    # A pixel is shared by the eight bins around its colour, the corners of a cube; nearer bins get more of it.
    for red, to_red in enumerate(_split(weights, beyond[0])):
        for green, to_green in enumerate(_split(to_red, beyond[1])):
            for blue, share in enumerate(_split(to_green, beyond[2])):
                shift = (red * LEVELS + green) * LEVELS + blue
                found = np.bincount(bins.ravel(), share.ravel(), len(counts))
                counts[shift:] += found[: len(counts) - shift]
    table = counts[: BINS * len(pictures)].reshape(len(pictures), BINS)
    shares: NDArray[np.float32] = np.sqrt(table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _split(
    weights: NDArray[np.float32], beyond: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Split weights between the level at or below and the next level."""
    above = weights * beyond
    return weights - above, above


@functools.cache
def _middle(length: int) -> NDArray[np.float32]:
    """Weight of each pixel by its distance from the middle, `(length, length)`."""
    x = np.linspace(-1, 1, length)
    return np.exp(-(x**2 + x[:, None] ** 2) / (2 * SPREAD**2)).astype(np.float32)
