"""A slice of a trial: what a worker with roots reads for it, and what it does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from model.dataset.manifest import Entry, write_manifest
from model.synthesis import Identity, draw
from model.training.checkpoint import read_training_state
from model.training.trainer import CHECKPOINT
from store.roots import Roots
from store.store import Store
from store.study import Trial
from workers.errors import TrialRefused
from workers.train_slice import train_slice

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only /proc tells where an open file is")

STUDY = "20261123-0412-5f3a9c01"


class TestRoots:
    """With roots nothing outside them is read, whatever a configuration, a manifest or a link says."""

    def test_a_manifest_outside(self, tmp_path: Path) -> None:
        """It is refused for good, with its name and the reason."""
        trial = _trial(tmp_path, manifest=_manifest(tmp_path / "elsewhere" / "m.parquet", tmp_path / "art"))
        with pytest.raises(TrialRefused, match=r"m\.parquet: it leads out of this machine's roots"):
            _train(trial, tmp_path)

    def test_weights_outside(self, tmp_path: Path) -> None:
        """So are the weights to begin with."""
        (tmp_path / "seed.safetensors").write_bytes(b"secret")
        manifest = _manifest(tmp_path / "art" / "m.parquet", tmp_path / "art")
        trial = _trial(tmp_path, manifest=manifest, init=str(tmp_path / "seed.safetensors"))
        with pytest.raises(TrialRefused, match=r"seed\.safetensors: it leads out"):
            _train(trial, tmp_path)

    def test_a_picture_outside(self, tmp_path: Path) -> None:
        """A picture that is a link to a place outside is skipped and listed; the others are trained on."""
        manifest = _manifest(tmp_path / "art" / "m.parquet", tmp_path / "art")
        inside = tmp_path / "art" / "0-0.png"
        inside.rename(tmp_path / "private.png")
        inside.symlink_to(tmp_path / "private.png")
        trial = _trial(tmp_path, manifest=manifest)
        assert _train(trial, tmp_path).startswith("done after 1 steps")
        failures = read_training_state(trial.folder / CHECKPOINT).failures
        assert failures == {str(inside): "it leads out of this machine's roots"}


def _train(trial: Trial, place: Path) -> str:
    return train_slice(trial, device="cpu", slice_s=600, roots=Roots({"art": str(place / "art")}))


def _trial(place: Path, *, manifest: Path, init: str = "scratch") -> Trial:
    config: dict[str, Any] = {
        "data": {"manifest": str(manifest)},
        "network": {"size_px": 16, "init": init},
        "batch": {"kind": "characters", "characters": 2, "pictures": 2},
        "schedule": {"steps": 1},
        "run": {"workers": 0},
    }
    trial = Store(place / "store").trial(STUDY, "a")
    trial.begin(config)
    return trial


def _manifest(path: Path, pictures: Path) -> Path:
    """Two characters to train on and two to measure on, two pictures each."""
    for folder in (path.parent, pictures):
        folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for character in range(4):
        for number in range(2):
            file = pictures / f"{character}-{number}.png"
            draw(Identity.from_seed(character), number, 16).save(file)
            split = "training" if character < 2 else "development"
            entries.append(Entry(str(file), (f"c{character}",), f"{character}{number}", split))
    write_manifest(path, entries)
    return path
