"""From a configuration to pictures: what to train on, what to measure on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.errors import ConfigurationError
from model.training.batches import ArticlePlan, Batch, CharactersPlan, DrawnPlan, Plan
from model.training.config import Config
from model.training.source import DEVELOPMENT_SEED, DrawnSource, FileSource, Source

__all__ = ["PictureSet", "TrainingData", "open_data"]


@dataclass(frozen=True)
class PictureSet:
    """Pictures with their characters, to measure on.

    Attributes:
        source: Loads them.
        pictures: `(label, picture)` of each, as the source numbers them.
        name: For people.
    """

    source: Source
    pictures: Batch
    name: str


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is measured on; the characters of the two are disjoint.

    Attributes:
        source: Loads training pictures.
        plan: Makes batches of them.
        characters: How many training characters there are; labels lie below.
        batches_per_epoch: Batches that show the training set once; 0 where it has no end.
        development: To measure on, or None where there is none.
    """

    source: Source
    plan: Plan
    characters: int
    batches_per_epoch: int
    development: PictureSet | None


def open_data(config: Config) -> TrainingData:
    """Make the sources and the plan that a configuration names.

    Raises:
        ConfigurationError: The configuration names no usable data.
    """
    return _drawn(config) if config.data.kind == "synthesis" else _listed(config)


def _drawn(config: Config) -> TrainingData:
    data = config.data
    return TrainingData(
        source=DrawnSource.from_config(data, config.network.size_px),
        plan=DrawnPlan(data.identities, data.block, config.batch, config.seed),
        characters=data.identities,
        batches_per_epoch=0,
        development=drawn_set(config, DEVELOPMENT_SEED),
    )


def drawn_set(config: Config, first: int) -> PictureSet:
    """Drawn characters from seed `first` on, in the mix of the training set."""
    data = config.data
    return PictureSet(
        source=DrawnSource.from_config(data, config.network.size_px, first=first),
        pictures=[(i, k) for i in range(data.development_identities) for k in range(data.development_pictures)],
        name=f"{data.development_identities} drawn characters x {data.development_pictures} pictures",
    )


def _listed(config: Config) -> TrainingData:
    raise ConfigurationError("data.manifest: not yet")
