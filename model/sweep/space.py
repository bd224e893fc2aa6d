"""The search space of a sweep."""

from __future__ import annotations

import itertools
import random
from typing import Any

from model.errors import ConfigurationError

__all__ = ["GRID", "SEARCHES", "check_search", "grid_points", "suggest"]

GRID: dict[str, list[float]] = {
    "optimizer.lr": [1e-4, 1e-3, 1e-2],
    "optimizer.weight_decay": [0.0, 1e-6, 1e-5, 1e-4],
}
"""Learning rate x weight decay around the article's choice (1e-3, 1e-6)."""

SEARCHES = ("grid", "random", "tpe")

_RANGES = {"optimizer.lr": (1e-5, 1e-1), "optimizer.weight_decay": (1e-8, 1e-2)}


def check_search(name: str) -> str:
    """Return the name.

    Raises:
        ConfigurationError: There is no such search.
    """
    if name not in SEARCHES:
        raise ConfigurationError(f"search {name!r} is not one of {', '.join(SEARCHES)}")
    return name


def grid_points(seed: int) -> list[dict[str, float]]:
    """Every point of the grid in a random order by the seed, so that a sweep that is cut short covers the grid."""
    points = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]
    random.Random(seed).shuffle(points)
    return points


def suggest(trial: Any, search: str) -> dict[str, float]:
    """The values that an Optuna trial tries, by the names that `--set` takes."""
    if search == "grid":
        return {name: float(trial.suggest_categorical(name, values)) for name, values in GRID.items()}
    return {name: float(trial.suggest_float(name, low, high, log=True)) for name, (low, high) in _RANGES.items()}
