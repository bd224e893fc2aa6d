"""The description of a weights file for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.network.weights_file import WeightsInfo

__all__ = ["describe"]

_WIDTH = 80
_NAME = 18
"""Columns of the names at the left."""


def describe(path: Path, info: WeightsInfo) -> Iterator[str]:
    """What a weights file says of itself, a line each; only groups of values are wrapped, so that paths and
    commands can be copied.
    """
    yield _line("file", str(path))
    yield _line("digest", info.digest)
    yield _line("architecture", f"{info.architecture}, {info.dimension} dimensions")
    yield _line("preprocessing", info.preprocessing.version)
    yield _line("threshold", f"{info.threshold:.4f} (cosine distance)")
    for title, values in (("measured", info.measured), ("recipe", info.recipe)):
        if values:
            yield ""
            yield title
            yield from _values(values)


def _values(values: dict[str, Any], indent: str = "  ") -> Iterator[str]:
    """One line for each value; a group of plain values is a paragraph, a group of groups is indented."""
    for name, value in values.items():
        if not isinstance(value, dict):
            yield _line(indent + name, _plain(value))
        elif any(isinstance(inner, dict) for inner in value.values()):
            yield indent + name
            yield from _values(value, indent + "  ")
        else:
            yield from _paragraph(name, ", ".join(f"{key} {_plain(one)}" for key, one in value.items()), indent)


def _paragraph(name: str, text: str, indent: str) -> Iterator[str]:
    start = _line(indent + name, "")
    wrapped = textwrap.wrap(text, _WIDTH - len(start), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(wrapped or [""]):
        yield (start if number == 0 else " " * len(start)) + line


def _line(name: str, text: str) -> str:
    return f"{name:{_NAME}} {text}"


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
