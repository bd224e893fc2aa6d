"""The embeddings of labelled pictures: of each the whole, and of its surest head."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import PictureError, UnreadablePicture
from model.heads.detector import HeadDetector
from model.images.crops import crop
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder

__all__ = ["LabelledViews", "embed_views"]

_TOGETHER = 16
"""Pictures that are decoded and looked at for heads together."""


@dataclass(frozen=True)
class LabelledViews:
    """The embeddings of pictures.

    Attributes:
        whole: `(n, dim)` float32, unit length.
        labels: `(n,)` int64.
        heads: `(k, dim)` float32, unit length.
        head_labels: `(k,)` int64.
        failures: `(path, reason)` of pictures that could not be read, which are left out above.
    """

    whole: NDArray[np.float32]
    labels: NDArray[np.int64]
    heads: NDArray[np.float32]
    head_labels: NDArray[np.int64]
    failures: list[tuple[str, str]]

    def of(self, labels: NDArray[np.int64]) -> LabelledViews:
        """Those of some labels."""
        rows, heads = np.isin(self.labels, labels), np.isin(self.head_labels, labels)
        return LabelledViews(self.whole[rows], self.labels[rows], self.heads[heads], self.head_labels[heads], [])

    @property
    def parts(self) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Whole pictures with their labels, and heads with theirs."""
        return [(self.whole, self.labels), (self.heads, self.head_labels)]


def embed_views(
    files: Sequence[tuple[str, int]], embedder: Embedder, detector: HeadDetector, report: Callable[[int], None]
) -> LabelledViews:
    """Read, decode and embed pictures as a run does.

    Args:
        files: Path and label of each picture.
        embedder: The network.
        detector: Finds heads; of several the surest counts, for the others may show somebody else.
        report: Told how many pictures are done, often.
    """
    whole: list[NDArray[np.float32]] = []
    heads: list[NDArray[np.float32]] = []
    labels: list[int] = []
    head_labels: list[int] = []
    failures: list[tuple[str, str]] = []
    preprocessing = embedder.info.preprocessing
    done = 0
    for group in _decoded(files, preprocessing):
        failures += [(path, found) for (path, _), found in group if isinstance(found, str)]
        good = [(label, found) for (_, label), found in group if not isinstance(found, str)]
        if good:
            boxes = detector.detect([pixels for _, pixels in good])
            squares = [preprocessing(Image.fromarray(pixels)) for _, pixels in good]
            looked = [
                (label, pixels, found[0]) for (label, pixels), found in zip(good, boxes, strict=True) if len(found)
            ]
            squares += [crop(pixels, box[:4].tolist(), preprocessing.size_px) for _, pixels, box in looked]
            vectors = embedder.embed(np.stack(squares))
            whole.append(vectors[: len(good)])
            heads.append(vectors[len(good) :])
            labels += [label for label, _ in good]
            head_labels += [label for label, *_ in looked]
        done += len(group)
        report(done)
    nothing = np.empty((0, embedder.info.dimension), np.float32)
    return LabelledViews(
        np.concatenate([nothing, *whole]),
        np.array(labels, np.int64),
        np.concatenate([nothing, *heads]),
        np.array(head_labels, np.int64),
        failures,
    )


_Group = list[tuple[tuple[str, int], NDArray[np.uint8] | str]]
"""Files with their pixels, or the reason why there are none."""


def _decoded(files: Sequence[tuple[str, int]], preprocessing: Preprocessing) -> Iterator[_Group]:
    """Groups of pictures; the next one is decoded while one is looked at."""
    groups = [files[i : i + _TOGETHER] for i in range(0, len(files), _TOGETHER)]

    def read(file: tuple[str, int]) -> NDArray[np.uint8] | str:
        return _pixels(file[0], preprocessing)

    pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
    try:
        waiting = [(group, pool.map(read, group)) for group in groups[:1]]
        for number in range(len(groups)):
            group, pixels = waiting.pop()
            waiting += [(following, pool.map(read, following)) for following in groups[number + 1 : number + 2]]
            yield list(zip(group, pixels, strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pixels(path: str, preprocessing: Preprocessing) -> NDArray[np.uint8] | str:
    """The small copy of a picture, or the reason why there is none."""
    try:
        with open(path, "rb") as file:
            return preprocessing.read_thumbnail(file.read())
    except OSError as error:
        return error.strerror or str(error)
    except (PictureError, UnreadablePicture) as error:
        return str(error)
