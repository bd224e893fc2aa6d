"""Splits a manifest by character."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from model.dataset.manifest import SPLITS, Entry
from model.errors import ConfigurationError

__all__ = ["parse_ratio", "split_entries"]


def parse_ratio(text: str) -> tuple[float, float, float]:
    """Parse `3:1:1`: training, development, test.

    Raises:
        ConfigurationError: It has another form, or training has no share.
    """
    if re.fullmatch(r"\d+(\.\d+)?(:\d+(\.\d+)?){2}", text) is None:
        raise ConfigurationError(f"ratio {text!r}: three numbers with colons between, as 3:1:1")
    training, development, test = (float(part) for part in text.split(":"))
    if training <= 0:
        raise ConfigurationError(f"ratio {text!r}: the first number, for training, must be above 0")
    return training, development, test


def split_entries(entries: Sequence[Entry], ratio: tuple[float, float, float], seed: int) -> list[Entry]:
    """Assign pictures to splits, so that no character and no picture is in two.

    Characters that share a picture stay together. The ratio counts characters, and is met as closely as these groups
    allow. The same seed and entries give the same split.
    """
    groups = _together(entries)
    order = np.random.default_rng(seed).permutation(len(groups))
    # Large groups first: a large one at the end may not fit. The sort is stable.
    shuffled = sorted((groups[i] for i in order), key=len, reverse=True)
    wanted = np.array(ratio) / sum(ratio) * sum(len(group) for group in groups)
    place: dict[str, str] = {}
    for group in shuffled:
        chosen = int(np.argmax(wanted))
        wanted[chosen] -= len(group)
        place |= dict.fromkeys(group, SPLITS[chosen])
    return [Entry(one.path, one.characters, one.digest, place[one.characters[0]]) for one in entries]


def _together(entries: Sequence[Entry]) -> list[list[str]]:
    """Groups of characters that share pictures, directly or indirectly; sorted, in the order of first names."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for entry in entries:
        for name in entry.characters:
            parent[root(name)] = root(entry.characters[0])
    groups: dict[str, list[str]] = {}
    for name in sorted(parent):
        groups.setdefault(root(name), []).append(name)
    return sorted(groups.values())
