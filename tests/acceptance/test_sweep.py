"""A sweep whose trials travel through the queue, with a worker that dies, finds what one process alone finds."""

from __future__ import annotations

import json
import os
import signal
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from model.dataset.manifest import Entry, write_manifest
from model.sweep.command import SweepRequest, run_sweep
from model.synthesis import Identity, draw
from tests.acceptance.conftest import LocalCluster, wait_until

STEPS = 8
VALUES = [
    "run.threads=1",
    "run.workers=0",
    "run.checkpoint_steps=3",
    "run.evaluate_steps=4",
    "network.size_px=32",
    "network.dimension=8",
    f"schedule.steps={STEPS}",
    "batch.kind=characters",
    "batch.characters=3",
    "batch.pictures=2",
]


def _manifest(folder: Path) -> Path:
    """Eight characters with three pictures each, three of them for development."""
    entries = []
    for character in range(8):
        for n in range(3):
            path = folder / f"{character}-{n}.png"
            draw(Identity.from_seed(character), n, size_px=48).save(path)
            split = "development" if character > 4 else "training"
            entries.append(Entry(str(path), (f"c{character}",), f"{character}{n}", split))
    write_manifest(folder / "m.parquet", entries)
    return folder / "m.parquet"


def _rows(output: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((output / "sweep.json").read_text())
    return rows


def _child_at_work(farm: LocalCluster) -> int | None:
    """The worker's child, once a trial in the store has a checkpoint and no result."""
    studies = farm.program.collection.store / "studies"
    begun = [path.parent for path in studies.glob("*/*/checkpoint.safetensors")]
    if not any(not (folder / "result.json").exists() for folder in begun):
        return None
    pid = farm.workers[-1].pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


@pytest.mark.skipif(
    not entry_points(group="oshiwake.runners"),
    reason="this environment was installed before the queue's runner existed: pip install -e . again",
)
def test_trials_on_the_queue(farm: LocalCluster, tmp_path: Path) -> None:
    """Slices of two seconds, a killed child: the table is that of `--runner local`, bit for bit."""
    manifest = _manifest(tmp_path)
    farm.program.env["OSHIWAKE_TRAIN_SLICE_S"] = "2"
    farm.start_worker("train", "train")
    given = [word for value in VALUES for word in ("--set", value)]
    words = [
        "sweep",
        "--runner",
        "queue",
        "--manifest",
        str(manifest),
        "--output",
        str(tmp_path / "q"),
        "--trials",
        "2",
    ]
    sweep = farm.program.start(*words, *given, program="reid")
    os.kill(wait_until(lambda: _child_at_work(farm), "a trial is being trained", 200), signal.SIGKILL)
    values = [*VALUES, f"data.manifest='{manifest}'"]
    assert run_sweep(SweepRequest(tmp_path / "local", None, values, trials=2, device="cpu")) == []
    out, err = sweep.communicate(timeout=200)
    assert sweep.returncode == 0, f"{out}\n{err}"
    assert _rows(tmp_path / "q") == _rows(tmp_path / "local")
    assert (tmp_path / "q" / "sweep.svg").exists()
    study = next((farm.program.collection.store / "studies").iterdir())
    assert {path.name for path in study.iterdir()} == {str(row["trial"]) for row in _rows(tmp_path / "q")}
