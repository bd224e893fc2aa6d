"""What `reid adapt` does: a careful training on a person's own sorted folders."""

from __future__ import annotations

from pathlib import Path

from model.dataset.manifest import settle, write_manifest
from model.dataset.scan import scan_folders
from model.dataset.split import split_entries
from model.errors import DatasetError
from model.training.command import Request, run_training
from model.weights import DEFAULT_WEIGHTS, read_info

__all__ = ["ADAPT_RECIPE", "run_adaptation"]

ADAPT_RECIPE = Path(__file__).parents[1] / "recipes" / "adapt.toml"
"""The recipe: a small learning rate and few epochs, so that little data does not undo what was learned from much."""

_RATIO = (4.0, 1.0, 0.0)


def run_adaptation(
    folder: Path, output: Path, init: str, overrides: list[str], *, resume: bool = False, device: str = "auto"
) -> None:
    """List a folder, split it by character, and train from existing weights.

    Raises:
        ModelError: The folder holds too little, or the weights cannot be used.
    """
    info = read_info(DEFAULT_WEIGHTS if init == "default" else Path(init))
    entries = split_entries(settle(scan_folders(folder).entries, "drop"), _RATIO, seed=1)
    if len({name for entry in entries for name in entry.characters}) < 4:
        raise DatasetError(f"{folder}: fewer than four characters with two pictures each; that teaches nothing")
    manifest = output / "manifest.parquet"
    write_manifest(manifest, entries)
    given = [
        f"data.manifest='{manifest.absolute()}'",
        f"network.init='{init}'",
        f"network.size_px={info.preprocessing.size_px}",
        f"network.fit='{info.preprocessing.fit}'",
    ]
    run_training(Request(ADAPT_RECIPE, given + overrides, output, resume=resume, device=device))
