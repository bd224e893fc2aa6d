"""Embeddings of a labelled set, whole pictures and heads, as a run makes them; without a GPU no torch is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import PictureError
from model.heads.detector import HeadDetector
from model.heads.picture_views import picture_views
from model.network.embedder import Embedder
from model.network.weights_file import WeightsInfo
from model.training.training_data import PictureSet
from store.head_views import HeadViews

__all__ = ["Embedded", "embed_by_weights"]

_TOGETHER = 16


@dataclass(frozen=True)
class Embedded:
    """The embeddings of a set of pictures.

    Attributes:
        embeddings: `(n, dim)` float32, unit length: the whole pictures.
        heads: The heads in them; none where nobody looked for heads.
        labels: `(n,)` int64.
        rows: `(n,)` int64, indices in the set.
        failures: `(index, reason)` of unreadable pictures, which are left out above.
    """

    embeddings: NDArray[np.float32]
    heads: HeadViews
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    failures: list[tuple[int, str]]


def embed_by_weights(
    path: Path, device: str, pictures: PictureSet, detector: HeadDetector
) -> tuple[Embedded, WeightsInfo]:
    """Embed a set in float32 by a weights file, so that the figures are the same on every machine.

    Args:
        path: The weights file.
        device: `cpu` or `cuda`.
        pictures: The set.
        detector: Finds the heads.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: No installed engine runs the network on that device.
    """
    embedder = Embedder.load(path, device=device, precision="fp32")
    parts: list[NDArray[np.float32]] = [np.empty((0, embedder.info.dimension), np.float32)]
    heads = [HeadViews.none(0, embedder.info.dimension)]
    rows: list[int] = []
    failures: list[tuple[int, str]] = []
    for start in range(0, len(pictures.pictures), _TOGETHER):
        thumbnails: list[NDArray[np.uint8]] = []
        for index in range(start, min(start + _TOGETHER, len(pictures.pictures))):
            label, picture = pictures.pictures[index]
            try:
                thumbnails.append(embedder.info.preprocessing.thumbnail(pictures.source.load(label, picture)))
            except PictureError as error:
                failures.append((index, str(error)))
            else:
                rows.append(index)
        if thumbnails:
            whole, found = picture_views(thumbnails, embedder.info.preprocessing, detector, embedder.embed)
            parts.append(whole)
            heads.append(found)
    labels = np.array([pictures.pictures[row][0] for row in rows], np.int64)
    rows_read = np.array(rows, np.int64)
    return Embedded(np.concatenate(parts), HeadViews.joined(heads), labels, rows_read, failures), embedder.info
