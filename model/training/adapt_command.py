"""`reid adapt --train`: fine-tune a network on a person's own sorted folders."""

from __future__ import annotations

from pathlib import Path

from model.dataset.manifest import settle, write_manifest
from model.dataset.scan import scan_folders
from model.dataset.split import split_entries
from model.errors import DatasetError
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from model.training.config_overrides import override
from model.training.train_command import Request, run_training

__all__ = ["ADAPT_RECIPE", "run_adaptation"]

ADAPT_RECIPE = Path(__file__).parents[1] / "recipes" / "adapt.toml"
"""The recipe: a small learning rate and few epochs, so that few pictures do not overwrite the pretraining."""

_SHARE = 5
"""One of so many characters is held out for validation, and at least two: the threshold needs pairs."""


def run_adaptation(
    folder: Path, output: Path, init: str, overrides: list[str], *, resume: bool = False, device: str = "auto"
) -> list[tuple[str, str]]:
    """List a folder, split it by character, and train from existing weights.

    Returns:
        `(path, reason)` of files that could not be read.

    Raises:
        ModelError: The folder holds too few pictures, or the weights cannot be used.
    """
    info = read_info(DEFAULT_WEIGHTS if init == "default" else Path(init))
    found = scan_folders(folder)
    settled = settle(found.entries, "drop")
    characters = len({name for entry in settled for name in entry.characters})
    if characters < 4:
        raise DatasetError(f"{folder}: fewer than four characters with two pictures each; that teaches nothing")
    kept = max(2.0, characters / _SHARE)
    entries = split_entries(settled, (characters - kept, kept, 0.0), seed=1)
    manifest = output / "manifest.parquet"
    write_manifest(manifest, entries)
    given = [
        override("data.manifest", manifest.absolute()),
        override("network.init", init),
        f"network.size_px={info.preprocessing.size_px}",
        override("network.fit", info.preprocessing.fit),
    ]
    run_training(Request(ADAPT_RECIPE, given + overrides, output, resume=resume, device=device))
    return found.failures
