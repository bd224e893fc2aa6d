"""Evaluation sets: a folder, a split of a manifest, or drawn characters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from model.counted_nouns import counted
from model.dataset.manifest import SPLITS, Entry, read_manifest
from model.dataset.scan import scan_folders
from model.errors import DatasetError
from model.training.config import Config, DataConfig, NetworkConfig
from model.training.training_data import PictureSet, drawn_set, listed_set

__all__ = ["TEST_SEED", "drawn_test_set", "open_set"]

TEST_SEED = 1_500_000_000
"""First seed of drawn test characters, which neither training nor validation uses."""


def open_set(path: Path, split: str) -> tuple[PictureSet, list[tuple[str, str]]]:
    """Open a folder with a folder per character, or one split of a manifest.

    Returns:
        The set, and `(path, reason)` for each file that cannot be read.

    Raises:
        DatasetError: There are no pairs, or no such split.
    """
    if split not in SPLITS:
        raise DatasetError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    failures: list[tuple[str, str]] = []
    if path.is_dir():
        found = scan_folders(path)
        failures = found.failures
        entries = [Entry(entry.path, entry.characters, entry.digest, split) for entry in found.entries]
    else:
        entries = read_manifest(path)
    pictures = listed_set(entries, split)
    name = path.resolve().name if path.is_dir() else f"{path.name}, {split}"
    if pictures is None:
        unsplit = entries and not any(entry.split for entry in entries)
        hint = "; `reid dataset split` splits it" if unsplit else ""
        raise DatasetError(f"{name}: a measurement needs two characters, and one with two pictures{hint}")
    counts = f"{counted(len(pictures.characters), 'character')}, {counted(len(pictures.pictures), 'picture')}"
    return replace(pictures, name=f"{name}: {counts}"), failures


def drawn_test_set(characters: int, pictures: int, size_px: int, like: DataConfig | None = None) -> PictureSet:
    """A test set of drawn characters.

    Args:
        characters: Number of characters.
        pictures: Number per character.
        size_px: Side of the pictures.
        like: The mix of pictures; default: full variety, without shared colour schemes.
    """
    mix = like or DataConfig(schemes_shared=0.0)
    counts = {"development_identities": characters, "development_pictures": pictures}
    data = mix.model_copy(update={"kind": "synthesis", "draw_px": size_px} | counts)
    return drawn_set(Config(data=data, network=NetworkConfig(size_px=size_px)), TEST_SEED)
