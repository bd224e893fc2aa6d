"""Embeddings on the unit circle, of known distances."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Groups = list[tuple[str, bool, Floats]]


def at(*degrees: float) -> Floats:
    """Points on the unit circle."""
    angles = np.radians(np.array(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def apart(degrees: float) -> float:
    """Cosine distance of two points so many degrees apart."""
    return 1 - math.cos(math.radians(degrees))
