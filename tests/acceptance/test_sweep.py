"""Sweeps of several processes on one folder: the trials are shared, and those of a dead process are taken over."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from model.dataset.manifest import Entry, write_manifest
from model.sweep.command import SweepRequest, run_sweep
from model.synthesis import Identity, draw
from tests.acceptance.conftest import wait_until

pytest.importorskip("optuna", reason="needs the extra training")

TRIALS = 3
VALUES = [
    "run.threads=1",
    "run.workers=0",
    "run.checkpoint_steps=3",
    "run.evaluate_steps=4",
    "network.size_px=32",
    "network.dimension=8",
    "schedule.steps=12",
    "batch.kind=characters",
    "batch.characters=3",
    "batch.pictures=2",
]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight characters with three pictures each, three of them for development."""
    folder = tmp_path_factory.mktemp("set")
    entries = []
    for character in range(8):
        for n in range(3):
            path = folder / f"{character}-{n}.png"
            draw(Identity.from_seed(character), n, size_px=48).save(path)
            split = "development" if character > 4 else "training"
            entries.append(Entry(str(path), (f"c{character}",), f"{character}{n}", split))
    write_manifest(folder / "m.parquet", entries)
    return folder / "m.parquet"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """The processes of a test; those that it leaves are killed."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _start(manifest: Path, output: Path) -> subprocess.Popen[str]:
    words = ["sweep", "--manifest", str(manifest), "--output", str(output), "--trials", str(TRIALS), "--device", "cpu"]
    given = [word for value in VALUES for word in ("--set", value)]
    command = [sys.executable, "-m", "model.cli", *words, *given]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _trained(err: str) -> list[str]:
    """The trials that a process says it has trained."""
    return re.findall(r"^(lr=\S+): EER", err, re.MULTILINE)


def _table(out: str) -> list[str]:
    """The rows of the table that a process prints."""
    return [line for line in out.splitlines() if re.match(r"\W+[\d.e-]+ +\W", line)]


def _rows(output: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((output / "sweep.json").read_text())
    return rows


def _stopped_in_a_trial(process: subprocess.Popen[str], output: Path) -> str | None:
    """Stop a process; the name of the trial that it is training after its first checkpoint, else let it go on."""
    from optuna import load_study
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    assert process.poll() is None, "it ended before it was stopped"
    if not list(output.glob("*/checkpoint.safetensors")):
        return None
    os.killpg(process.pid, signal.SIGSTOP)
    storage = JournalStorage(JournalFileBackend(str(output / "study.journal")))
    for trial in load_study(study_name="grid", storage=storage).get_trials(states=(TrialState.RUNNING,)):
        name = trial.user_attrs.get("name")
        if name and (output / name / "checkpoint.safetensors").exists():
            return str(name)
    os.killpg(process.pid, signal.SIGCONT)
    return None


def test_two_processes_share_a_sweep(manifest: Path, tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    """Each trial is trained once, by either; both end when all are done, with the same table."""
    started += [_start(manifest, tmp_path / "shared") for _ in range(2)]
    ends = [process.communicate(timeout=200) for process in started]
    assert [process.returncode for process in started] == [0, 0], ends
    names = [name for _, err in ends for name in _trained(err)]
    assert len(names) == len(set(names)) == TRIALS
    tables = [_table(out) for out, _ in ends]
    assert tables[0] == tables[1] and len(tables[0]) == TRIALS
    assert sorted(names) == sorted(str(row["trial"]) for row in _rows(tmp_path / "shared"))


def test_the_trial_of_a_dead_process_is_taken_over(
    manifest: Path, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """As long as its process lives, however slow, nobody else trains it; after that another one finishes it.

    The table is that of a sweep by one process, bit for bit.
    """
    output = tmp_path / "shared"
    first = _start(manifest, output)
    started.append(first)
    held = wait_until(lambda: _stopped_in_a_trial(first, output), "a trial is being trained", 200)
    second = _start(manifest, output)
    started.append(second)
    assert second.stderr is not None
    done = {path.parent.name for path in output.glob("*/weights.safetensors")}
    while len(done) < TRIALS - 1:  # all but the one that the stopped process holds
        line = second.stderr.readline()
        assert line, "it ended while another process had a trial"
        for name in _trained(line):
            assert name not in done | {held}
            done.add(name)
    os.killpg(first.pid, signal.SIGKILL)
    out, err = second.communicate(timeout=200)
    assert second.returncode == 0, f"{out}\n{err}"
    assert _trained(err) == [held]
    values = [*VALUES, f"data.manifest='{manifest}'"]
    assert run_sweep(SweepRequest(tmp_path / "alone", None, values, trials=TRIALS, device="cpu")) == []
    assert _rows(output) == _rows(tmp_path / "alone")
    assert (output / "sweep.svg").exists()
