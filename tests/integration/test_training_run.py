"""Whole trainings, small: what they write, how they resume, what they refuse."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.dataset.manifest import Entry, write_manifest
from model.errors import CheckpointError, ConfigurationError
from model.network.weights_file import read_info
from model.synthesis import Identity, draw
from model.training.checkpoint import read_training_state
from model.training.train_command import WEIGHTS, Request, run_training
from model.training.trainer import CHECKPOINT

SMALL = [
    "run.threads=1",
    "run.workers=0",
    "network.size_px=32",
    "network.dimension=16",
    "schedule.steps=6",
    "run.checkpoint_steps=2",
    "run.evaluate_steps=3",
    "run.average=0.9",
]
DRAWN = [
    *SMALL,
    "data.kind=synthesis",
    "data.identities=40",
    "data.development_identities=4",
    "data.development_pictures=2",
    "batch.kind=characters",
    "batch.characters=4",
    "batch.pictures=2",
    "loss.name=proxy-anchor",
    "loss.traits=0.5",
    "optimizer.name=adamw",
    "network.colours=8",
]


@pytest.fixture(autouse=True)
def _one_thread() -> object:
    """Sums of floats depend on the number of threads, so that it is put back as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine characters with four drawn pictures each, two in development, and one damaged file."""
    root = tmp_path_factory.mktemp("set")
    entries = []
    for character in range(9):
        for n in range(4):
            path = root / f"{character}-{n}.png"
            draw(Identity.from_seed(character), n, size_px=48).save(path)
            split = "development" if character > 6 else "training"
            entries.append(Entry(str(path), (f"c{character}",), f"{character}{n}", split))
    (root / "0-0.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    write_manifest(root / "m.parquet", entries)
    return root / "m.parquet"


def same(one: Path, other: Path) -> bool:
    """Whether two checkpoints hold exactly the same numbers."""
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_drawn_training_resumes_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping after two thirds and going on gives the very weights, averages and optimiser state of no stop."""
    monkeypatch.setattr("model.training.train_command.FITTED_PICTURES", 20)
    monkeypatch.setattr("model.training.auxiliary_head.SAMPLED_CHARACTERS", 20)
    run_training(Request(None, DRAWN, tmp_path / "whole"))
    short = [*DRAWN, "schedule.steps=4"]
    run_training(Request(None, short, tmp_path / "parts"))
    run_training(Request(None, DRAWN, tmp_path / "parts", resume=True, changed=True))
    assert same(tmp_path / "whole" / CHECKPOINT, tmp_path / "parts" / CHECKPOINT)
    assert read_info(tmp_path / "whole" / WEIGHTS).digest == read_info(tmp_path / "parts" / WEIGHTS).digest


@pytest.mark.slow
def test_killed_training_resumes_exactly(tmp_path: Path, manifest: Path) -> None:
    """kill -9 after a checkpoint, then --resume: the weights are those of a training that was left alone.

    The TensorBoard log has each step and each measured EER once.
    """
    given = [*SMALL, f"data.manifest='{manifest}'", "schedule.steps=12", "optimizer.lr=0.01"]
    settings = [part for value in given for part in ("--set", value)]
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "model.cli", "train", "--device", "cpu", "--output", str(output), *settings]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step=3 "):  # printed at each measurement; a checkpoint was written at step 2
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert 2 <= read_training_state(output / CHECKPOINT).step < 12
    run_training(Request(None, given, output, resume=True, device="cpu"))
    run_training(Request(None, given, tmp_path / "whole", device="cpu"))
    assert same(tmp_path / "whole" / CHECKPOINT, output / CHECKPOINT)
    if importlib.util.find_spec("tensorboard"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        log = EventAccumulator(str(output / "tensorboard")).Reload()
        assert set(log.Tags()["scalars"]) == {"loss", "lr", "eer", "threshold"}
        assert [event.step for event in log.Scalars("loss")] == list(range(1, 13))
        assert [event.step for event in log.Scalars("eer")] == [3, 6, 9, 12]


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_begins_from_a_checkpoint(tmp_path: Path, manifest: Path, average: float) -> None:
    """The checkpoint of a training is a beginning as good as its weights: both hold what is measured and shipped."""
    given = [*SMALL, f"data.manifest='{manifest}'", "network.colours=4", f"run.average={average}", "schedule.steps=2"]
    run_training(Request(None, given, tmp_path / "first"))
    second = [*SMALL, f"data.manifest='{manifest}'", "schedule.steps=1"]
    for name in (CHECKPOINT, WEIGHTS):
        run_training(Request(None, [*second, f"network.init='{tmp_path / 'first' / name}'"], tmp_path / f"from {name}"))
    weights = [tmp_path / f"from {name}" / WEIGHTS for name in (CHECKPOINT, WEIGHTS)]
    assert read_info(weights[0]).digest == read_info(weights[1]).digest


def test_half_written_files_are_removed(tmp_path: Path, manifest: Path) -> None:
    """What a training left that was killed while it wrote a checkpoint goes when the next one begins."""
    (tmp_path / f".{CHECKPOINT}.x1y2").write_bytes(b"half of a checkpoint")
    run_training(Request(None, [*SMALL, f"data.manifest='{manifest}'", "schedule.steps=1"], tmp_path, resume=True))
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_unreadable_pictures_are_listed(tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged picture does not stop the training; it stands in the list at the end."""
    run_training(Request(None, [*SMALL, f"data.manifest='{manifest}'"], tmp_path))
    assert "0-0.png" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "which"), [([], "far_threshold"), (["run.threshold_far=0"], "eer_threshold")])
def test_the_stored_threshold(tmp_path: Path, manifest: Path, given: list[str], which: str) -> None:
    """By default one at which few strangers get a name; that of the equal error rate where it is asked for."""
    run_training(Request(None, [*SMALL, f"data.manifest='{manifest}'", *given], tmp_path))
    info = read_info(tmp_path / WEIGHTS)
    assert info.threshold == pytest.approx(info.measured[which], abs=1e-6)
    assert info.measured["far_threshold"] < info.measured["eer_threshold"]


def test_early_stopping(tmp_path: Path, manifest: Path) -> None:
    """With a learning rate that changes nothing, the training ends after `patience` measurements more."""
    given = [*SMALL, f"data.manifest='{manifest}'", "optimizer.lr=1e-30", "schedule.steps=50", "run.patience=2"]
    run_training(Request(None, [*given, "run.evaluate_steps=1", "run.average=0"], tmp_path))
    assert read_training_state(tmp_path / CHECKPOINT).step < 20


def test_refusals(tmp_path: Path, manifest: Path) -> None:
    """A second training in one folder, another configuration, no data: each is refused in words."""
    given = [*SMALL, f"data.manifest='{manifest}'", "schedule.steps=1"]
    run_training(Request(None, given, tmp_path))
    with pytest.raises(ConfigurationError, match="--resume"):
        run_training(Request(None, given, tmp_path))
    with pytest.raises(
        CheckpointError, match=r"another configuration \(optimizer.lr: 0.001, now 0.1, seed: 1, now 2\)"
    ):
        run_training(Request(None, [*given, "seed=2", "optimizer.lr=0.1"], tmp_path, resume=True))
    with pytest.raises(ConfigurationError, match="manifest"):
        run_training(Request(None, SMALL, tmp_path / "other"))
    with pytest.raises(ConfigurationError, match="traits"):
        run_training(Request(None, [*given, "loss.traits=1"], tmp_path / "traits"))


def test_damaged_checkpoint(tmp_path: Path) -> None:
    """A file that is no checkpoint is refused in one line."""
    (tmp_path / CHECKPOINT).write_bytes(b"no")
    for path in (tmp_path / CHECKPOINT, tmp_path / "none"):
        with pytest.raises(CheckpointError):
            read_training_state(path)
