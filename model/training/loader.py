"""Loads, augments and stacks batches of pictures, in this process or in workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.errors import PictureError
from model.images.preprocessing import Preprocessing
from model.training.augmentation import augment
from model.training.config import Config
from model.training.dataset import PictureDataset
from model.training.distributed import Ranks
from model.training.sampler import Batch, Sampler

__all__ = ["LoadedBatch", "load_batches"]


@dataclass(frozen=True)
class LoadedBatch:
    """The input of one step.

    Attributes:
        pictures: `(n, size_px, size_px, 3)` uint8.
        labels: `(n,)` int64.
        failures: `(name, reason)` of unreadable pictures, which are left out.
    """

    pictures: Tensor
    labels: Tensor
    failures: list[tuple[str, str]]


@dataclass(frozen=True)
class _Order:
    """One picture to load, with everything that its pixels depend on."""

    label: int
    picture: int
    seed: tuple[int, ...]
    size_px: int


_Loaded = tuple[Tensor | None, _Order, str]


class _Pictures(Dataset[_Loaded]):
    def __init__(self, source: PictureDataset, config: Config) -> None:
        self._source = source
        self._config = config

    def __getitem__(self, order: _Order) -> _Loaded:
        try:
            picture = self._source.load(order.label, order.picture)
        except PictureError as error:
            return None, order, f"{self._source.name(order.label, order.picture)}\n{error}"
        preprocessing = Preprocessing(self._config.network.fit, order.size_px)
        seed = int(np.random.SeedSequence(order.seed).generate_state(1)[0])
        pixels = augment(picture, self._config.augmentation, preprocessing, seed)
        return torch.from_numpy(np.array(pixels)), order, ""


def load_batches(
    plan: Sampler, source: PictureDataset, config: Config, *, first: int, count: int, ranks: Ranks | None = None
) -> Iterator[LoadedBatch]:
    """Load the batches number `first` to `first + count - 1` of a sampler.

    The batches depend only on sampler, dataset, configuration and number, not on the workers.
    """
    loader: DataLoader[_Loaded] = DataLoader(
        _Pictures(source, config),
        batch_sampler=_orders(plan, config, first, count, ranks or Ranks()),
        num_workers=config.run.workers,
        collate_fn=_collate,
        prefetch_factor=4 if config.run.workers else None,
        worker_init_fn=_let_the_training_stop,
    )
    return iter(loader)


def _let_the_training_stop(_worker: int) -> None:
    """Ctrl-C reaches all processes of a terminal; the training ends its step, and then its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _orders(plan: Sampler, config: Config, first: int, count: int, ranks: Ranks) -> Iterator[list[_Order]]:
    for number, batch in zip(range(first, first + count), plan.batches(first), strict=False):
        yield ranks.part(_numbered(batch, config, number))


def _numbered(batch: Batch, config: Config, number: int) -> list[_Order]:
    size_px = _size_px(config, number)
    return [
        _Order(label, picture, (config.seed, number, place), size_px) for place, (label, picture) in enumerate(batch)
    ]


def _size_px(config: Config, number: int) -> int:
    small_batches = config.network.small_share * config.schedule.steps * config.batch.accumulate
    return config.network.small_px if config.network.small_px and number < small_batches else config.network.size_px


def _collate(loaded: list[_Loaded]) -> LoadedBatch:
    good = [(pixels, order.label) for pixels, order, _ in loaded if pixels is not None]
    return LoadedBatch(
        pictures=torch.stack([pixels for pixels, _ in good]) if good else torch.empty(0),
        labels=torch.tensor([label for _, label in good]),
        failures=[_failure(told) for pixels, _, told in loaded if pixels is None],
    )


def _failure(told: str) -> tuple[str, str]:
    name, _, reason = told.rpartition("\n")
    return name, reason
