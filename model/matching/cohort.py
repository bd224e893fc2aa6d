"""Drawn strangers that travel with the weights: vectors of characters that no collector has references of.

Their distances to the references of a gallery have the shape that the distances of real strangers have; where a gallery
has few characters, that shape stands in for what its own references cannot tell. (Score normalisation by a cohort:
Auckenthaler, Carey and Lloyd-Thomas, "Score Normalization for Text-Independent Speaker Verification Systems", 2000.)

A weights file holds the cohort beside the tensors of the network, which alone make its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from model.errors import WeightsError
from model.files import write_bytes
from model.matching.confidence import PARAMETERS
from model.network.weights_file import COHORT_PREFIX, load_tensors, metadata_of

__all__ = ["Cohort", "add_cohort", "read_cohort", "with_cohort"]

_VECTORS = f"{COHORT_PREFIX}vectors"
_CONFIDENCE = f"{COHORT_PREFIX}confidence"
_EARLIER = 2


@dataclass(frozen=True)
class Cohort:
    """Vectors of drawn strangers, and what drawn characters say about confidence.

    Attributes:
        vectors: `(k, dim)` float32, unit length: whole pictures, each of another character.
        confidence: Intercept and slopes of `model.matching.confidence`; empty in a file of an earlier version, whose
            two numbers had another meaning.
    """

    vectors: NDArray[np.float32]
    confidence: tuple[float, ...]


def read_cohort(path: Path, dimension: int) -> Cohort | None:
    """Read the cohort of a weights file; None where it has none.

    Raises:
        WeightsError: The file cannot be read, or its cohort is no set of unit vectors of that dimension.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            if not {_VECTORS, _CONFIDENCE} <= names:
                return None
            vectors, confidence = (np.asarray(file.get_tensor(name)) for name in (_VECTORS, _CONFIDENCE))
    except (OSError, SafetensorError, TypeError) as error:
        raise WeightsError(f"{path}: its cohort cannot be read ({error})") from error
    if vectors.ndim != 2 or vectors.shape[1] != dimension or len(vectors) == 0 or vectors.dtype.kind != "f":
        raise WeightsError(f"{path}: its cohort holds no vectors of {dimension} numbers")
    vectors = vectors.astype(np.float32)
    norms = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(norms - 1) < 0.01):
        raise WeightsError(f"{path}: the vectors of its cohort are not of unit length")
    if confidence.shape not in ((PARAMETERS,), (_EARLIER,), (0,)) or not np.isfinite(confidence).all():
        raise WeightsError(f"{path}: the confidence of its cohort is not {PARAMETERS} numbers")
    known = len(confidence) == PARAMETERS
    return Cohort(vectors / norms[:, None], tuple(confidence.astype(np.float64).tolist()) if known else ())


def add_cohort(path: Path, cohort: Cohort) -> None:
    """Put a cohort into a weights file, in place of another one, atomically; the digest stays.

    Raises:
        WeightsError: As `load_tensors`.
    """
    _, info = load_tensors(path)
    write_bytes(path, save(with_cohort(load_file(path), cohort), metadata=metadata_of(info)))


def with_cohort(tensors: Mapping[str, NDArray[Any]], cohort: Cohort) -> dict[str, NDArray[Any]]:
    """The tensors of a weights file with a cohort, in place of another one."""
    kept = {name: array for name, array in tensors.items() if not name.startswith(COHORT_PREFIX)}
    return kept | {_VECTORS: cohort.vectors.astype(np.float16), _CONFIDENCE: np.array(cohort.confidence, np.float32)}
