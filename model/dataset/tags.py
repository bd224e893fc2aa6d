"""Labelled pictures by tags: JSON lines of images and tags, and what an encyclopedia says of the tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.dataset.rules import Rules
from model.dataset.scan import Found, describe
from model.errors import DatasetError

__all__ = ["character_tags", "read_summaries", "scan_tags"]


def read_summaries(path: Path) -> dict[str, str]:
    """Read a dictionary of tag to summary text: one JSON object.

    Raises:
        DatasetError: It is missing, or something else.
    """
    value = _json(path, _text(path))
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise DatasetError(f"{path}: not an object of tag to summary text")
    return value


def character_tags(summaries: dict[str, str], rules: Rules) -> frozenset[str]:
    """The tags whose summary says that they name a character."""
    return frozenset(tag for tag, summary in summaries.items() if rules.names_character(summary))


def scan_tags(path: Path, characters: frozenset[str], folder: Path, *, check: bool = False) -> Found:
    """List the pictures of a file of JSON lines `{"image": …, "tags": […]}` that carry a character's tag.

    Args:
        path: The file.
        characters: Tags that name characters.
        folder: Where relative images lie.
        check: Decode every picture.

    Raises:
        DatasetError: The file is missing, or a line is something else; the message names the line.
    """
    found = Found()
    for image, tags in _lines(path):
        names = tuple(dict.fromkeys(tag for tag in tags if tag in characters))
        if names:
            describe(folder / image, names, found, check=check)
    return found


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        value = _json(f"{path}:{number}", line)
        image, tags = (value.get("image"), value.get("tags")) if isinstance(value, dict) else (None, None)
        if not isinstance(image, str) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise DatasetError(f'{path}:{number}: not {{"image": text, "tags": [text, …]}}')
        yield image, tags


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text") from error


def _json(where: object, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{where}: not JSON ({error})") from error
