"""Auxiliary attribute head: the network also learns to predict attributes of drawn characters.

A metric loss alone trains a network from scratch slowly. The colours of hair and eyes, the hairdo and the ornaments are
a stronger signal.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.training.dataset import DrawnDataset

__all__ = ["SAMPLED_CHARACTERS", "AttributeLoss", "AttributeTargets"]

SAMPLED_CHARACTERS = 1000
"""Number of characters that the mean and deviation are computed from."""

_COLOURS = ("hair", "hair_second", "eyes", "skin")
_COLOUR_WEIGHT = 3.0


class AttributeTargets:
    """Attribute vectors of identities, standardised over the first characters of a dataset.

    Attributes:
        names: What each number means, e.g. `colour/hair/0` or `fringe=blunt`.
    """

    def __init__(self, source: DrawnDataset) -> None:
        self._source = source
        rows = [self._plain(label) for label in range(SAMPLED_CHARACTERS)]
        self.names = sorted({name for row in rows for name in row})
        table = np.array([[row.get(name, 0.0) for name in self.names] for row in rows])
        self._mean, self._scale = table.mean(axis=0), table.std(axis=0) + 0.05
        weights = [_COLOUR_WEIGHT if name.startswith("colour/") else 1.0 for name in self.names]
        self.weights = np.array(weights, np.float32) / np.mean(weights)

    def __call__(self, labels: list[int]) -> NDArray[np.float32]:
        """`(n, traits)` float32, each column with mean 0 and deviation about 1 over characters."""
        known = {label: self._plain(label) for label in set(labels)}
        table = np.array([[known[label].get(name, 0.0) for name in self.names] for label in labels])
        scaled: NDArray[np.float32] = ((table - self._mean) / self._scale).astype(np.float32)
        return scaled

    def _plain(self, label: int) -> dict[str, float]:
        identity = self._source.identity(label)
        colours = np.array([np.ravel(getattr(identity.colours, name))[:3] for name in _COLOURS]) / 127.5 - 1.0
        found = {
            f"colour/{name}/{i}": float(v)
            for name, row in zip(_COLOURS, colours, strict=True)
            for i, v in enumerate(row)
        }
        for part in (identity.hair, identity.eyes, identity.build):
            found |= _fields(asdict(part))
        return found | {f"ornament={one.kind}": 1.0 for one in identity.ornaments}


def _fields(values: dict[str, Any]) -> dict[str, float]:
    """Numbers unchanged, words as one-hot `field=word`; tuples are left out."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, str):
            found[f"{name}={value}"] = 1.0
        elif isinstance(value, int | float):
            found[name] = float(value)
    return found


class AttributeLoss(nn.Module):
    """Mean squared error of the attributes that a linear layer predicts from the backbone's features."""

    weights: Tensor

    def __init__(self, traits: AttributeTargets, features: int) -> None:
        super().__init__()
        self._traits = traits
        self.read = nn.Linear(features, len(traits.names))
        self.register_buffer("weights", torch.from_numpy(traits.weights), persistent=False)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """The loss of `(n, features)` against the characters `labels`."""
        wanted = torch.from_numpy(self._traits(labels.tolist())).to(features.device)
        error: Tensor = ((self.read(features) - wanted) ** 2 * self.weights).mean()
        return error
