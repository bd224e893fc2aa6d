"""The distance of two pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import UnreadablePicture
from model.heads.detector import HeadDetector
from model.matching.distance import cosine_distances
from model.matching.picture_distances import picture_distances
from model.network.embedder import Embedder
from store.head_views import HeadViews
from store.listing import Listed
from store.location import storage_of
from store.shard import Read
from workers.pipeline import Pipeline
from workers.sources import Sources

__all__ = ["Similarity", "similarity"]


@dataclass(frozen=True)
class Similarity:
    """How alike two pictures are.

    Attributes:
        distance: The distance that the program goes by, 0..2.
        heads: Whether the heads are nearer to each other than the whole pictures; else the wholes counted more.
    """

    distance: float
    heads: bool


def similarity(a: Path, b: Path, weights: Path) -> Similarity:
    """Compare two picture files, whole and by their heads, see `picture_distances`.

    Raises:
        PictureError: A file cannot be read; the message names it.
        WeightsError: The weights cannot be used.
    """
    pipeline = Pipeline(Embedder.load(weights), detector=HeadDetector.load())
    one, other = (_views(_read(path, pipeline)) for path in (a, b))
    distance = float(picture_distances(one, other)[0, 0])
    # The distance lies between that of the wholes and that of the heads.
    return Similarity(distance, distance < float(cosine_distances(one[0], other[0])[0, 0]))


def _read(path: Path, pipeline: Pipeline) -> Read:
    folder, name = os.path.split(os.path.abspath(os.fsencode(path)))
    (read,), _ = pipeline.run(Sources(folder, storage=storage_of(path)), [(0, Listed(name, 1, 0))])
    if read.embedding is None:
        raise UnreadablePicture(f"{path}: {read.reason}")
    return read


def _views(read: Read) -> tuple[NDArray[np.float32], HeadViews]:
    assert read.embedding is not None  # `_read` saw to it
    whole = read.embedding[None]
    if read.heads is None or read.boxes is None:
        return whole, HeadViews.none(1, whole.shape[1])
    return whole, HeadViews(np.array([0, len(read.heads)]), read.heads, read.boxes)
