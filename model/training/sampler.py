"""Samplers compose batches. The seed decides all batches, so that a killed training resumes exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.training.config import BatchConfig

__all__ = ["ArticleSampler", "Batch", "CharacterSampler", "DrawnSampler", "Sampler"]

Batch = list[tuple[int, int]]
"""`(label, picture)` pairs; the numbers are those of a `PictureDataset`."""


class Sampler(Protocol):
    """An endless sequence of batches."""

    def batches(self, start: int) -> Iterator[Batch]:
        """The batches from number `start` on, the same for the same seed."""
        ...


@dataclass(frozen=True)
class DrawnSampler:
    """Batches of drawn characters: random blocks of consecutive seeds, new pictures each time.

    Attributes:
        identities: Number of characters.
        block: Characters per block; the last block of a batch may be cut.
        config: The batch sizes.
        seed: Any number.
    """

    identities: int
    block: int
    config: BatchConfig
    seed: int

    def batches(self, start: int) -> Iterator[Batch]:
        """See `Sampler`."""
        number = start
        while True:
            yield self._batch(np.random.default_rng([self.seed, number]))
            number += 1

    def _batch(self, rng: np.random.Generator) -> Batch:
        block = min(self.block, self.identities)
        blocks = min(-(-self.config.characters // block), self.identities // block)
        chosen = rng.choice(self.identities // block, size=blocks, replace=False)
        labels = (chosen[:, None] * block + np.arange(block)).ravel()[: self.config.characters]
        pictures = rng.integers(0, 2**31, (len(labels), self.config.pictures))
        return [(int(label), int(one)) for label, row in zip(labels, pictures, strict=True) for one in row]


@dataclass(frozen=True)
class CharacterSampler:
    """Batches of a number of characters with a number of pictures each, or all that a character has.

    An epoch shows every character once (the last few, too few for a batch, another time), and as many pictures of it.

    Attributes:
        labels: `(n,)` int64, the character of each picture.
        config: The sizes.
        seed: Any number.
    """

    labels: NDArray[np.int64]
    config: BatchConfig
    seed: int

    def batches(self, start: int) -> Iterator[Batch]:
        """See `Sampler`."""
        groups = _groups(self.labels)
        per_epoch = self.batches_per_epoch
        number = start
        while True:
            epoch, place = divmod(number, per_epoch)
            order = np.random.default_rng([self.seed, epoch]).permutation(len(groups))
            chosen = order[place * self.config.characters : (place + 1) * self.config.characters]
            rng = np.random.default_rng([self.seed, epoch, place])
            yield [pair for group in chosen for pair in self._pictures(groups[group], rng)]
            number += 1

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches that contain every character once."""
        return max(1, len(_groups(self.labels)) // self.config.characters)

    def _pictures(self, group: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        rows = rng.permutation(group)[: self.config.pictures]
        return [(int(self.labels[row]), int(row)) for row in rows]


@dataclass(frozen=True)
class ArticleSampler:
    """The article's batches: characters in random order, up to `pictures` of each, up to about `grouped` in all.

    Each batch also has `random` pictures drawn from all. A character with more pictures comes again later in the epoch
    with the rest, never with one picture alone. So the grouped part of an epoch has every picture with a partner
    exactly once, beside a partner. A batch exceeds `grouped` by less than one group.

    Attributes:
        labels: `(n,)` int64, the character of each picture.
        config: The sizes.
        seed: Any number.
    """

    labels: NDArray[np.int64]
    config: BatchConfig
    seed: int

    def batches(self, start: int) -> Iterator[Batch]:
        """See `Sampler`."""
        return islice(self._all(), start, None)

    def _all(self) -> Iterator[Batch]:
        epoch = 0
        while True:
            yield from self.epoch(epoch)
            epoch += 1

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches of the first epoch; epochs differ by a few."""
        return len(self._grouped(np.random.default_rng([self.seed, 0])))

    def epoch(self, epoch: int) -> list[Batch]:
        """The batches of one epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        return [self._pairs([*rows, *self._random(rows, rng)]) for rows in self._grouped(rng)]

    def _pairs(self, rows: Sequence[int]) -> Batch:
        return [(int(self.labels[row]), int(row)) for row in rows]

    def _random(self, rows: Sequence[int], rng: np.random.Generator) -> list[int]:
        """Random pictures that are not yet in the batch: a picture twice would be a trivial positive pair."""
        rest = np.setdiff1d(np.arange(len(self.labels)), rows)
        count = min(self.config.random, len(rest))
        return [int(row) for row in rng.choice(rest, size=count, replace=False)]

    def _grouped(self, rng: np.random.Generator) -> list[list[int]]:
        groups = [part for group in _groups(self.labels) for part in _portions(rng.permutation(group), self.config)]
        batches: list[list[int]] = [[]]
        for number in rng.permutation(len(groups)):
            if len(batches[-1]) >= self.config.grouped:
                batches.append([])
            batches[-1].extend(int(row) for row in groups[number])
        return batches


def _groups(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each character with two or more pictures."""
    order = np.argsort(labels, kind="stable")
    edges = np.flatnonzero(np.diff(labels[order])) + 1
    return [group for group in np.split(order, edges) if len(group) >= 2]


def _portions(rows: NDArray[np.int64], config: BatchConfig) -> list[NDArray[np.int64]]:
    """Split a character's pictures into even parts of at most `pictures`, none of one picture."""
    count = min(-(-len(rows) // config.pictures), len(rows) // 2)
    return np.array_split(rows, count)
