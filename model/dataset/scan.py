"""Finds labelled pictures in folders named after characters."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from model.dataset.manifest import Entry
from model.dataset.reserved_folders import characters_of, is_negative, names_character
from model.errors import DatasetError, PictureError
from model.images.decoding import SNIFF_BYTES, decode, picture_suffixes, sniff

__all__ = ["Found", "describe", "scan_folders"]


@dataclass
class Found:
    """The result of a scan.

    Attributes:
        entries: Pictures, possibly with the same content.
        failures: `(path, reason)` of pictures that cannot be read.
    """

    entries: list[Entry] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


def scan_folders(folder: Path, *, check: bool = False, report: Callable[[int], None] | None = None) -> Found:
    """List the pictures below `folder/<character>/`, at any depth, in the order of their names.

    A folder that holds only folders is a series: its characters are called `series/character` (`characters_of`).

    Hidden files and folders are passed over, and folders that name no character (`_unknown`, `_review`, `_not…`): an
    output of `producer` and its references can be scanned as they are. Links are followed to files only, and files
    that neither are nor claim to be pictures do not count.

    Args:
        folder: A folder per character.
        check: Decode every picture, to find damaged ones before training.
        report: Told how many pictures were listed, often.

    Raises:
        DatasetError: There is no such folder, or nothing that claims to be a picture in a folder below it.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    found = Found()
    for top in sorted(path for path in folder.iterdir() if path.is_dir() and names_character(path.name)):
        for path in _files(top):
            describe(path, (), found, check=check)
            if report is not None:
                report(len(found.entries))
    places = [Path(entry.path).parent.relative_to(folder.absolute()).parts for entry in found.entries]
    named = zip(found.entries, characters_of(places), strict=True)
    found.entries = [replace(entry, characters=(name,)) for entry, name in named if not is_negative(name)]
    if not found.entries and not found.failures:
        raise DatasetError(f"{folder}: no picture in a folder named after a character")
    return found


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(where, name) for name in sorted(names) if not name.startswith("."))


def _content(path: Path) -> tuple[bytes, bool]:
    """The content of a picture, and True; or the first bytes of any other file, which may be large, and False."""
    if path.exists() and not path.is_file():
        raise OSError("not a regular file")  # reading a pipe would block
    with open(path, "rb", buffering=0) as file:
        head = file.read(SNIFF_BYTES)
        if sniff(head) is None:
            return head, False
        file.seek(0)
        return file.readall(), True


def describe(path: Path, characters: tuple[str, ...], found: Found, *, check: bool) -> None:
    """Add a file as an entry or a failure; ignore it if it is not a picture."""
    try:
        data, is_picture = _content(path)
        if not is_picture:
            if path.suffix.lower() in picture_suffixes():
                found.failures.append(
                    (str(path), "not a picture, in spite of its name" if data else "the file is empty")
                )
            return
        str(path.absolute()).encode()
        if check:
            decode(data)
    except ValueError:
        found.failures.append((str(path), "its name is not UTF-8 text, which a manifest needs"))
    except OSError as error:
        found.failures.append((str(path), error.strerror or str(error)))
    except PictureError as error:
        found.failures.append((str(path), str(error)))
    else:
        found.entries.append(Entry(str(path.absolute()), characters, hashlib.sha256(data).hexdigest()))
