"""Trees to scan, and what a scan finds in them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from producer.exclusion import NOTHING_ASKED, Exclusion, PassedOver
from producer.scan import scan as scan_of
from store.listing import Listed


def scan(root: Path | bytes, *excluded: Path, exclusion: Exclusion = NOTHING_ASKED) -> list[Listed]:
    """Scan a tree."""
    own = tuple(os.fsencode(path) for path in excluded)
    return list(scan_of(os.path.realpath(os.fsencode(root)), own, exclusion=exclusion))


def scanned(root: Path, *patterns: str, hidden: bool = False) -> tuple[list[str], PassedOver]:
    """The files that a scan lists, and what it passes over."""
    found = scan_of(bytes(root), exclusion=Exclusion(patterns, hidden))
    return [listed.name for listed in found], found.passed


def names(root: Path, *excluded: Path) -> list[str]:
    """The files of a tree, as a person reads them."""
    return [listed.name for listed in scan(root, *excluded)]


def forbid(folder: Path, mode: int) -> None:
    """Take permissions from a folder, or skip the test where that means nothing."""
    folder.chmod(mode)
    if os.access(folder, os.X_OK):
        pytest.skip("the superuser may read every folder")


def fill(root: Path, *paths: str) -> None:
    """Make files, and the folders on the way; each holds its own path."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def make_zip(path: Path, *members: str) -> None:
    """An archive file; each member holds its own name."""
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"" if member.endswith("/") else member.encode())
