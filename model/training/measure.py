"""Embeddings and equal error rate of a network in training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.errors import PictureError
from model.evaluation.pairs import all_pairs, sampled_pairs
from model.evaluation.rates import EqualError, ErrorRates, equal_error, error_rates
from model.network import Network
from model.preprocessing import Preprocessing
from model.training.data import PictureSet

__all__ = ["embed_set", "measure", "to_network"]

_ALL_PAIRS = 5_000
"""Up to so many pictures every pair is compared, above it 10,000 + 10,000 are drawn."""

_BATCH = 64


def to_network(pictures: Tensor, device: torch.device) -> Tensor:
    """`(n, height, width, 3)` uint8 to what the network takes: `(n, 3, height, width)` float32 in 0..1."""
    moved = pictures.to(device, non_blocking=True)
    return moved.permute(0, 3, 1, 2).to(torch.float32).div_(255.0).contiguous(memory_format=torch.channels_last)


class _Prepared(Dataset[tuple[Tensor, int] | None]):
    def __init__(self, pictures: PictureSet, preprocessing: Preprocessing) -> None:
        self._set = pictures
        self._preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self._set.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | None:
        label, picture = self._set.pictures[index]
        try:
            pixels = self._preprocessing(self._set.source.load(label, picture))
        except PictureError:
            return None
        return torch.from_numpy(np.array(pixels)), label


def embed_set(
    network: Network, pictures: PictureSet, preprocessing: Preprocessing, *, workers: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Embed a set: `(n, dim)` float32 embeddings and `(n,)` int64 labels; unreadable pictures are left out."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    embeddings, labels = [], []
    loader = DataLoader(_Prepared(pictures, preprocessing), _BATCH, num_workers=workers, collate_fn=_collate)
    with torch.inference_mode():
        for pixels, some in cast(Iterator[tuple[Tensor, list[int]]], loader):
            if some:
                embeddings.append(network(to_network(pixels, device)).float().cpu().numpy())
                labels += some
    network.train(was_training)
    if not embeddings:
        return np.empty((0, network.dimension), np.float32), np.empty(0, np.int64)
    return np.concatenate(embeddings), np.array(labels, np.int64)


def _collate(loaded: list[tuple[Tensor, int] | None]) -> tuple[Tensor, list[int]]:
    good = [one for one in loaded if one is not None]
    return (torch.stack([pixels for pixels, _ in good]) if good else torch.empty(0)), [label for _, label in good]


def measure(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[EqualError, ErrorRates]:
    """Equal error rate over all pairs, or over 10,000 + 10,000 drawn ones where there are many.

    Raises:
        EvaluationError: Pairs of one of the two kinds are missing.
    """
    if len(labels) <= _ALL_PAIRS:
        pairs = all_pairs(embeddings, labels)
    else:
        pairs = sampled_pairs(embeddings, labels, 10_000, np.random.default_rng(0))
    rates = error_rates(pairs.genuine, pairs.impostor)
    return equal_error(rates), rates
