"""Two producers at one run: while one lists it, no other does; when that one dies, the next goes on from there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.acceptance.conftest import LocalCluster, Undisturbed, wait_until
from tests.conftest import PLUGINS, layout

MOMENTS = ("link-2-before", "replace-3-before")
"""The first chunk is listed, the second is about to be."""


def enqueue_until(farm: LocalCluster, folder: Path, sent: signal.Signals) -> subprocess.Popen[str]:
    """`enqueue` that sends itself a signal in the midst of the scan; then a file is added that the scan has passed."""
    program, kills = farm.program, folder / "kills"
    kills.mkdir()
    for moment in MOMENTS:
        (kills / moment).touch()
    own = {
        "PYTHONPATH": str(PLUGINS),
        "KILL_POINTS": str(kills),
        "KILL_QUEUE": "enqueue",
        "KILL_SIGNAL": str(sent.value),
    }
    before = dict(program.env)
    program.env.update(own | {"OSHIWAKE_CHUNK_IMAGES": "8"})
    process = program.start(*program.sort_args("enqueue"), "--no-worker-check")
    program.env.clear()
    program.env.update(before)
    wait_until(lambda: len(list(kills.iterdir())) < len(MOMENTS), "the scan is in the midst")
    shutil.copyfile(program.collection.archive / "set 0" / "0-02.webp", program.collection.archive / "\x01 first.webp")
    return process


def test_a_second_producer_is_refused_while_the_first_scans(
    farm: LocalCluster, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """It is told who scans; the first one goes on, and every picture lies where it belongs."""
    program = farm.program
    process = enqueue_until(farm, tmp_path, signal.SIGSTOP)
    assert program.status()["state"] == "scanning"
    assert f"is being listed by process {process.pid} on " in program("resume", rc=2).stderr
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    assert farm.finished()["run"] == out.strip()
    assert layout(program.collection.output) == undisturbed.layout


def test_a_scan_that_died_is_known_as_dead_and_gone_on_with(
    farm: LocalCluster, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Status says so, workers may be at its chunks, and `resume` lists the rest."""
    program = farm.program
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    process = enqueue_until(farm, tmp_path, signal.SIGKILL)
    process.communicate(timeout=60)
    assert program.status()["state"] == "stopped"
    assert "producer resume" in program("status").stdout
    program("resume")
    farm.finished()
    assert layout(program.collection.output) == undisturbed.layout


def test_a_cancelled_run_is_scanned_no_further(farm: LocalCluster, tmp_path: Path) -> None:
    """The producer that lists it stops, with a line that says why; what is in the queue ends where it arrives."""
    program = farm.program
    process = enqueue_until(farm, tmp_path, signal.SIGSTOP)
    program("undo")
    assert program.status()["state"] == "undone"
    os.kill(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    wait_until(lambda: not any(farm.client().exists(key) for key in ("embed", "reduce", "unacked")), "all is answered")
    assert process.returncode == 0 or "was stopped during its scan: undone" in err
    assert not program.collection.output.exists()
    shards = next((program.collection.store / "runs").iterdir()) / "archive" / "shards"
    assert not list(shards.iterdir())
