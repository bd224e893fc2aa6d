"""Embeddings and equal error rate of a network during training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.errors import PictureError
from model.evaluation.embedded_set import Embedded
from model.evaluation.pairs import all_pairs, sampled_pairs
from model.evaluation.rates import EqualError, ErrorRates, equal_error, error_rates
from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.training.training_data import PictureSet
from store.head_views import HeadViews

__all__ = ["embed_set", "measure", "to_network"]

_ALL_PAIRS = 5_000
"""Up to so many pictures, all pairs are compared; above, 10,000 + 10,000 random ones."""

_BATCH = 64


def to_network(pictures: Tensor, device: torch.device) -> Tensor:
    """`(n, height, width, 3)` uint8 to the input tensor, `(n, 3, height, width)` float32 in 0..1."""
    moved = pictures.to(device, non_blocking=True)
    return moved.permute(0, 3, 1, 2).to(torch.float32).div_(255.0).contiguous(memory_format=torch.channels_last)


_Loaded = tuple[int, Tensor | None, str]


class _Prepared(Dataset[_Loaded]):
    def __init__(self, pictures: PictureSet, preprocessing: Preprocessing) -> None:
        self._set = pictures
        self._preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self._set.pictures)

    def __getitem__(self, index: int) -> _Loaded:
        label, picture = self._set.pictures[index]
        try:
            pixels = self._preprocessing(self._set.source.load(label, picture))
        except PictureError as error:
            return index, None, str(error)
        return index, torch.from_numpy(np.array(pixels)), ""


def embed_set(network: Network, pictures: PictureSet, preprocessing: Preprocessing, *, workers: int = 0) -> Embedded:
    """Embed the whole pictures of a set on the network's device; heads are not looked for."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    parts: list[NDArray[np.float32]] = [np.empty((0, network.dimension), np.float32)]
    rows: list[int] = []
    failures: list[tuple[int, str]] = []
    loader = DataLoader(_Prepared(pictures, preprocessing), _BATCH, num_workers=workers, collate_fn=list)
    with torch.inference_mode():
        for loaded in cast(Iterator[list[_Loaded]], loader):
            good = [(index, pixels) for index, pixels, _ in loaded if pixels is not None]
            failures += [(index, reason) for index, pixels, reason in loaded if pixels is None]
            if good:
                batch = torch.stack([pixels for _, pixels in good])
                parts.append(network(to_network(batch, device)).float().cpu().numpy())
                rows += [index for index, _ in good]
    network.train(was_training)
    labels = np.array([pictures.pictures[row][0] for row in rows], np.int64)
    heads = HeadViews.none(len(rows), network.dimension)
    return Embedded(np.concatenate(parts), heads, labels, np.array(rows, np.int64), failures)


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
