"""The networks that `reid weights fetch` knows by name: `model/hub/catalogue.toml`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.errors import WeightsError

__all__ = ["Published", "catalogue", "published"]

_FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Published:
    """A network that somebody has published.

    Attributes:
        name: What it is called here.
        about: What it is for, in a line.
        repository: On the hub.
        file: The network, in the repository.
        licence: Its name.
        metric: The network of distances, or empty.
        figures: A JSON file with the published threshold under `threshold`, or empty.
        form: What is declared of an embedder (`model.onnx.declaration`).
        limits: Least score and overlap of a detector; empty for an embedder.
    """

    name: str
    about: str
    repository: str
    file: str
    licence: str
    metric: str = ""
    figures: str = ""
    form: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """All files to fetch, the network first."""
        return tuple(name for name in (self.file, self.metric, self.figures) if name)

    @property
    def source(self) -> str:
        """Where it comes from, in a line."""
        return f"{self.repository} on the Hugging Face hub, {self.file}"


@functools.cache
def catalogue() -> dict[str, Published]:
    """All published networks by name, in the order of the file."""
    found = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    known: dict[str, Published] = {}
    for name, values in found["networks"].items():
        limits = {key: values.pop(key) for key in ("score", "overlap") if key in values}
        form = found["forms"][values.pop("form")] if "form" in values else {}
        known[name] = Published(name=name, form=form, limits=limits, **values)
    return known


def published(name: str) -> Published:
    """A published network.

    Raises:
        WeightsError: There is none of that name.
    """
    if name not in catalogue():
        raise WeightsError(f"no network is known as {name!r}; there are {', '.join(catalogue())}")
    return catalogue()[name]
