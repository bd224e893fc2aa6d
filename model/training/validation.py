"""Embeddings and equal error rate of a network during training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.errors import PictureError
from model.evaluation.pairs import all_pairs, sampled_pairs
from model.evaluation.rates import EqualError, ErrorRates, equal_error, error_rates
from model.heads.detector import HeadDetector
from model.images.crops import squares
from model.images.preprocessing import Preprocessing
from model.network.architecture import ONNX
from model.network.embedder import Embedder
from model.network.resnet18 import Network
from model.network.weights_file import WeightsInfo, load_network, read_info
from model.training.training_data import PictureSet
from store.head_views import HeadViews

__all__ = ["Embedded", "embed_by_weights", "embed_set", "measure", "to_network"]

_ALL_PAIRS = 5_000
"""Up to so many pictures, all pairs are compared; above, 10,000 + 10,000 random ones."""

_BATCH = 64


def to_network(pictures: Tensor, device: torch.device) -> Tensor:
    """`(n, height, width, 3)` uint8 to the input tensor, `(n, 3, height, width)` float32 in 0..1."""
    moved = pictures.to(device, non_blocking=True)
    return moved.permute(0, 3, 1, 2).to(torch.float32).div_(255.0).contiguous(memory_format=torch.channels_last)


_Loaded = tuple[int, Tensor | None, str]


class _Prepared(Dataset[_Loaded]):
    def __init__(self, pictures: PictureSet, prepare: Callable[[Image.Image], NDArray[np.uint8]]) -> None:
        self._set = pictures
        self._prepare = prepare

    def __len__(self) -> int:
        return len(self._set.pictures)

    def __getitem__(self, index: int) -> _Loaded:
        label, picture = self._set.pictures[index]
        try:
            pixels = self._prepare(self._set.source.load(label, picture))
        except PictureError as error:
            return index, None, str(error)
        return index, torch.from_numpy(np.array(pixels)), ""


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


def embed_set(
    network: Network,
    pictures: PictureSet,
    preprocessing: Preprocessing,
    *,
    workers: int = 0,
    detector: HeadDetector | None = None,
) -> Embedded:
    """Embed a set on the network's device: whole pictures, and with a detector the heads in them too."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()

    def embed(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(to_network(torch.from_numpy(squares), device)).float().cpu().numpy())

    found = _embedded(embed, network.dimension, pictures, preprocessing, workers, detector)
    network.train(was_training)
    return found


def embed_by_weights(
    path: Path, device: str, pictures: PictureSet, detector: HeadDetector | None = None
) -> tuple[Embedded, WeightsInfo]:
    """Embed a set in float32 by a weights file of any architecture, see `embed_set`.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: An ONNX network has no engine on that device.
    """
    if read_info(path).architecture == ONNX:
        embedder = Embedder.load(path, device=device, precision="fp32")
        info = embedder.info
        found = _embedded(embedder.embed, info.dimension, pictures, info.preprocessing, detector=detector)
        return found, info
    network, info = load_network(path)
    return embed_set(network.to(torch.device(device)), pictures, info.preprocessing, detector=detector), info


_Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From `(n, side, side, 3)` uint8 to `(n, dim)` float32."""


def _embedded(
    embed: _Embed,
    dimension: int,
    pictures: PictureSet,
    preprocessing: Preprocessing,
    workers: int = 0,
    detector: HeadDetector | None = None,
) -> Embedded:
    parts: list[NDArray[np.float32]] = [np.empty((0, dimension), np.float32)]
    heads = [HeadViews.none(0, dimension)]
    rows: list[int] = []
    failures: list[tuple[int, str]] = []
    prepared = _Prepared(pictures, preprocessing if detector is None else preprocessing.thumbnail)
    loader = DataLoader(prepared, _BATCH, num_workers=workers, collate_fn=list)
    for loaded in cast(Iterator[list[_Loaded]], loader):
        good = [(index, pixels.numpy()) for index, pixels, _ in loaded if pixels is not None]
        failures += [(index, reason) for index, pixels, reason in loaded if pixels is None]
        if not good:
            continue
        batch = [pixels for _, pixels in good]
        if detector is None:
            parts.append(embed(np.stack(batch)))
        else:
            whole, found = _with_heads(embed, batch, preprocessing, detector)
            parts.append(whole)
            heads.append(found)
        rows += [index for index, _ in good]
    labels = np.array([pictures.pictures[row][0] for row in rows], np.int64)
    views = HeadViews.none(len(rows), dimension) if detector is None else HeadViews.joined(heads)
    return Embedded(np.concatenate(parts), views, labels, np.array(rows, np.int64), failures)


def _with_heads(
    embed: _Embed, pictures: list[NDArray[np.uint8]], preprocessing: Preprocessing, detector: HeadDetector
) -> tuple[NDArray[np.float32], HeadViews]:
    """The vectors of small copies of pictures, and of the heads in them."""
    boxes = detector.detect(pictures)
    cut = [
        square
        for pixels, found in zip(pictures, boxes, strict=True)
        for square in squares(pixels, found, preprocessing)
    ]
    vectors = np.concatenate([embed(np.stack(cut[start : start + _BATCH])) for start in range(0, len(cut), _BATCH)])
    starts = np.concatenate([[0], np.cumsum([len(found) for found in boxes])]).astype(np.int64)
    wholes = starts[:-1] + np.arange(len(boxes))
    return vectors[wholes], HeadViews(starts, np.delete(vectors, wholes, axis=0), np.concatenate(boxes))


def measure(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[EqualError, ErrorRates]:
    """Equal error rate over all pairs, or over 10,000 + 10,000 random ones if there are many.

    Raises:
        EvaluationError: There are no genuine or no impostor pairs.
    """
    if len(labels) <= _ALL_PAIRS:
        pairs = all_pairs(embeddings, labels)
    else:
        pairs = sampled_pairs(embeddings, labels, 10_000, np.random.default_rng(0))
    rates = error_rates(pairs.genuine, pairs.impostor)
    return equal_error(rates), rates
