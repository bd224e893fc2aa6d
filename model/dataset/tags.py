"""Labels from tags: JSON lines of images and tags, and an encyclopedia's summaries of the tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from model.dataset.rules import Rules
from model.dataset.scan import Found, describe
from model.errors import DatasetError

__all__ = ["character_tags", "read_summaries", "scan_tags"]


def read_summaries(path: Path) -> dict[str, str]:
    """Read a dictionary of tag to summary text: one JSON object.

    Raises:
        DatasetError: It is missing, or has another form.
    """
    try:
        value = json.loads(_text(path))
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON ({error})") from error
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise DatasetError(f"{path}: not an object of tag to summary text")
    return value


def character_tags(summaries: dict[str, str], rules: Rules) -> frozenset[str]:
    """The tags that name a character, by their summaries."""
    return frozenset(tag for tag, summary in summaries.items() if rules.names_character(summary))


def scan_tags(path: Path, characters: frozenset[str], folder: Path, *, check: bool = False) -> Found:
    """List the pictures of a file of JSON lines `{"image": …, "tags": […]}` with a character's tag.

    A line of another form is a failure, named by its number.

    Args:
        path: The file.
        characters: Tags that name characters.
        folder: Base of relative image paths.
        check: Decode every picture.

    Raises:
        DatasetError: The file is missing, or no line is valid; the message names the first.
    """
    found = Found()
    right = 0
    for where, line in _lines(path):
        try:
            image, tags = _picture(line)
        except ValueError as error:
            found.failures.append((where, str(error)))
            continue
        right += 1
        names = tuple(dict.fromkeys(tag for tag in tags if tag in characters))
        if names:
            describe(folder / image, names, found, check=check)
    if found.failures and not right:
        raise DatasetError(": ".join(found.failures[0]))
    return found


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Number and content of each line that is not empty."""
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            yield f"{path}:{number}", line


def _picture(line: str) -> tuple[str, list[str]]:
    """Image and tags of a line; a ValueError names the fault."""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    image, tags = (value.get("image"), value.get("tags")) if isinstance(value, dict) else (None, None)
    if not isinstance(image, str) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError('not {"image": text, "tags": [text, …]}')
    return image, tags


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text") from error
