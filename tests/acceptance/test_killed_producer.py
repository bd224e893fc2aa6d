"""A `producer run` that is killed takes its workers with it, whatever they do at that moment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import LocalCluster, Program, wait_until
from tests.conftest import FILES, PLUGINS

GONE_S = 15.0
"""What ends at once may be so late on a machine that other work keeps busy; what waits for anything is later."""


def test_a_killed_producer_takes_its_workers_with_it(program: Program, temporary: Path) -> None:
    """After SIGKILL nothing stays running, no folder stays behind, and resume finishes the run."""
    process = program.start(*program.sort_args())
    wait_until(lambda: len(program.processes()) > 4, "the workers have started")
    process.kill()
    process.communicate()
    wait_until(lambda: not program.processes(), "everything has ended", limit_s=GONE_S)
    assert list(temporary.iterdir()) == []
    program("resume", rc=1)
    assert program.status()["summary"]["files"] == FILES
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("processes", [2, 3, 4, 5, 6])
def test_they_end_whenever_it_is_killed(program: Program, processes: int) -> None:
    """While the broker starts, while the workers start, while they connect, while they work."""
    for step in range(4):
        process = program.start(*program.sort_args())
        wait_until(lambda: len(program.processes()) >= processes, f"{processes} processes")
        time.sleep(step * 0.1)  # other moments; what they are is left to the machine
        process.kill()
        process.communicate()
        wait_until(lambda: not program.processes(), "everything has ended", limit_s=GONE_S)


@pytest.mark.parametrize("stopped", [False, True], ids=["at-work", "stopped"])
def test_they_end_in_the_midst_of_long_work(program: Program, tmp_path: Path, stopped: bool) -> None:
    """A chunk of pictures that take an hour each is not finished for nobody; no worker need be able to hear of it."""
    for path in program.collection.archive.rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b"!hang!!!")
    reads = tmp_path / "reads"
    program.env.update({"READS": str(reads), "PYTHONPATH": str(PLUGINS)})
    process = program.start(*program.sort_args())
    wait_until(lambda: reads.exists() and reads.read_bytes(), "a picture is being read")
    for pid in _embed_workers(program) if stopped else []:
        os.kill(pid, signal.SIGSTOP)
    process.kill()
    process.communicate()
    wait_until(lambda: not program.processes(), "everything has ended", limit_s=GONE_S)


def _embed_workers(program: Program) -> list[int]:
    """The worker that embeds, and its child."""
    return [pid for pid in program.processes() if b"embed-cpu@%h" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_killed_worker_takes_its_child_with_it(farm: LocalCluster) -> None:
    """Also a child that stands still: it would hold its GPU while the next worker starts."""
    worker = farm.start_worker("embed", "embed")
    (child,) = [pid for pid in farm.program.processes() if pid != worker.pid]
    os.kill(child, signal.SIGSTOP)
    worker.kill()
    wait_until(lambda: not farm.program.processes(), "the child has ended", limit_s=GONE_S)
