"""Opens the training and validation pictures of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.counted_nouns import counted
from model.dataset.manifest import Entry, read_manifest
from model.errors import ConfigurationError
from model.training.config import Config
from model.training.dataset import DEVELOPMENT_SEED, DrawnDataset, FileDataset, PictureDataset
from model.training.sampler import ArticleSampler, Batch, CharacterSampler, DrawnSampler, Sampler

__all__ = ["PictureSet", "TrainingData", "drawn_set", "listed_set", "open_data"]


@dataclass(frozen=True)
class PictureSet:
    """Labelled pictures for validation or evaluation.

    Attributes:
        source: Loads them.
        pictures: `(label, picture)` of each, as the source numbers them.
        name: For people.
        characters: Names by label; empty for drawn characters.
    """

    source: PictureDataset
    pictures: Batch
    name: str
    characters: tuple[str, ...] = ()

    def call(self, one: tuple[int, int]) -> str:
        """The name of a `(label, picture)` for a person."""
        return self.source.name(*one)


@dataclass(frozen=True)
class TrainingData:
    """Training and validation pictures, of disjoint characters.

    Attributes:
        source: Loads training pictures.
        plan: The sampler.
        characters: Number of training characters; labels are lower.
        batches_per_epoch: Batches of an epoch; 0 for an endless set.
        development: The validation set, or None.
    """

    source: PictureDataset
    plan: Sampler
    characters: int
    batches_per_epoch: int
    development: PictureSet | None


def open_data(config: Config) -> TrainingData:
    """Open the dataset and the sampler that a configuration names.

    Raises:
        ConfigurationError: The data cannot be used.
    """
    return _drawn(config) if config.data.kind == "synthesis" else _listed(config)


def _drawn(config: Config) -> TrainingData:
    data = config.data
    return TrainingData(
        source=DrawnDataset.for_training(data, config.network.size_px),
        plan=DrawnSampler(data.identities, data.block, config.batch, config.seed),
        characters=data.identities,
        batches_per_epoch=0,
        development=drawn_set(config, DEVELOPMENT_SEED),
    )


def drawn_set(config: Config, first: int) -> PictureSet:
    """Drawn characters from seed `first` on, with the mix of the training set."""
    data = config.data
    return PictureSet(
        source=DrawnDataset.for_measuring(data, config.network.size_px, first),
        pictures=[(i, k) for i in range(data.development_identities) for k in range(data.development_pictures)],
        name=f"{data.development_identities} drawn characters x {data.development_pictures} pictures",
    )


def _listed(config: Config) -> TrainingData:
    if config.data.manifest is None:
        raise ConfigurationError("data.manifest: no manifest is named; `reid dataset scan` makes one")
    entries = read_manifest(config.data.manifest)
    training = [entry for entry in entries if entry.split in ("training", "")]
    rows = [(entry.path, name) for entry in training for name in entry.characters]
    if not rows:
        raise ConfigurationError(f"{config.data.manifest}: it lists no picture for training")
    names, labels = np.unique([name for _, name in rows], return_inverse=True)
    if np.bincount(labels).max() < 2:
        raise ConfigurationError(f"{config.data.manifest}: no character has two pictures to train on")
    plan = _plan(config, labels.astype(np.int64))
    return TrainingData(
        source=FileDataset([Path(path) for path, _ in rows]),
        plan=plan,
        characters=len(names),
        batches_per_epoch=plan.batches_per_epoch,
        development=listed_set(entries, "development"),
    )


def _plan(config: Config, labels: NDArray[np.int64]) -> ArticleSampler | CharacterSampler:
    kind = ArticleSampler if config.batch.kind == "article" else CharacterSampler
    return kind(labels, config.batch, config.seed)


def listed_set(entries: Sequence[Entry], split: str) -> PictureSet | None:
    """The pictures of one split of a manifest, or None without two pictures of a character."""
    rows = [(entry.path, name) for entry in entries if entry.split == split for name in entry.characters]
    names = sorted({name for _, name in rows})
    if len(names) < 2 or len(rows) <= len(names):
        return None
    number = {name: i for i, name in enumerate(names)}
    return PictureSet(
        source=FileDataset([Path(path) for path, _ in rows]),
        pictures=[(number[name], place) for place, (_, name) in enumerate(rows)],
        name=f"{split}: {counted(len(names), 'character')}, {counted(len(rows), 'picture')}",
        characters=tuple(names),
    )
