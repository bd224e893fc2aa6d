"""Compares the distance that a publisher ships as a network with the formula that is declared of it.

The vectors of a store are compared by cosine, which is what every rule, threshold and whitening here is made for. A
network of distances can stand in for the published threshold wherever it is a function of the angle alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import WeightsError
from model.onnx.declaration import Declaration
from model.onnx.engine import unit
from model.onnx.onnx_file import read_onnx
from model.onnx.runtime import load_runtime

__all__ = ["cosine_threshold_of"]

_EQUAL = 1e-3
_ANGLES = 181


def cosine_threshold_of(path: Path, vectors: NDArray[np.float32], declaration: Declaration) -> float:
    """The cosine distance that is as far as the published threshold of a network of distances.

    Where the network gives what the declared formula gives, within 0.001, the threshold is the formula's. Else it is
    read off the network, by pairs of vectors with angles of 0 to 180 degrees.

    Args:
        path: The network, from `(n, d)` float32 to `(n, n)` distances.
        vectors: `(n, d)` float32, of pictures, as the other network gives them.
        declaration: With a threshold.

    Raises:
        WeightsError: The network cannot be run, or its distances are no function of the angle: the vectors cannot be
            used then.
    """
    run = load_runtime(read_onnx(path).SerializeToString())

    def distances(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            found = run(rows)
        except Exception as error:  # the libraries raise errors of many types
            raise WeightsError(f"{path}: fails on vectors ({' '.join(str(error).split())[:200]})") from error
        if found.shape != (len(rows), len(rows)) or not np.isfinite(found).all():
            raise WeightsError(f"{path}: gives no distances of vectors")
        return found

    threshold = declaration.cosine_threshold()
    assert threshold is not None and declaration.threshold is not None
    rows = unit(vectors)
    told, cosines = distances(vectors), np.clip(1 - rows @ rows.T, 0, 2)
    formula = {"cosine": cosines, "half-cosine": cosines / 2, "euclidean": np.sqrt(2 * cosines)}[declaration.distance]
    if np.abs(told - formula).max() <= _EQUAL:
        return threshold
    angles = np.linspace(0, np.pi, _ANGLES)
    pairs = [_fan(rows[n], rows[n + 1], angles) for n in (0, 2)]
    curves = [distances(fan)[0] for fan in pairs]
    by_angle = np.interp(np.arccos(np.clip(1 - cosines, -1, 1)), angles, curves[0])
    if max(np.abs(curves[0] - curves[1]).max(), np.abs(by_angle - told).max()) > _EQUAL or np.diff(curves[0]).min() < 0:
        raise WeightsError(
            f"{path}: its distances are not a function of the angle between two vectors; this program compares by angle"
        )
    return float(1 - np.cos(np.interp(declaration.threshold, curves[0], angles)))


def _fan(one: NDArray[np.float32], other: NDArray[np.float32], angles: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors at these angles to one, in the plane of two; `(k, d)` of unit length."""
    across = other - (other @ one) * one
    across = across / np.linalg.norm(across)
    fan: NDArray[np.float32] = (np.cos(angles)[:, None] * one + np.sin(angles)[:, None] * across).astype(np.float32)
    return fan
