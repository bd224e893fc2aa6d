"""The distance of two pictures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import PictureError, UnreadablePicture
from model.matching.distance import cosine_distances
from model.network.embedder import Embedder
from store.location import storage_of

__all__ = ["distance_between"]


def distance_between(a: Path, b: Path, weights: Path) -> float:
    """Cosine distance of two picture files, 0..2.

    Raises:
        PictureError: A file cannot be read; the message names it.
        WeightsError: The weights cannot be used.
    """
    embedder = Embedder.load(weights)
    one, other = (embedder.embed(_prepared(path, embedder)) for path in (a, b))
    return float(cosine_distances(one, other)[0, 0])


def _prepared(path: Path, embedder: Embedder) -> NDArray[np.uint8]:
    """One picture as a batch: `(1, size, size, 3)` uint8."""
    try:
        with storage_of(path).open(os.fsencode(path)) as file:
            return embedder.info.preprocessing.read(file.read())[np.newaxis]
    except OSError as error:
        raise UnreadablePicture(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except PictureError as error:
        raise type(error)(f"{path}: {error}") from error
