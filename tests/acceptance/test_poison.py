"""Pictures that kill or hang the process that decodes them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.journal import Journal
from tests.acceptance.conftest import WAIT_S, LocalCluster, Program, wait_until
from tests.acceptance.test_outcome import report
from tests.conftest import FILES, PLUGINS

MEMORY_BYTES = 2 << 30


@pytest.fixture
def little_memory() -> Iterator[tuple[str, ...]]:
    """What starts a program in a group of processes that the kernel kills from when they take too much memory."""
    root = Path("/sys/fs/cgroup")
    old = (root / "memory").is_dir()
    group = root / ("memory" if old else "") / f"oshiwake-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(MEMORY_BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip("no group of processes with a limit of memory can be made here")
    yield "sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"
    group.rmdir()


@pytest.mark.parametrize(
    ("ending", "reason"), [("!crash!!", "ends the process (SIGSEGV)"), ("!hang!!!", "takes longer than 3 s")]
)
def test_a_poisonous_picture_is_one_unreadable_row(program: Program, ending: str, reason: str) -> None:
    """It ends as one row with the reason; the others of its chunk are embedded, and the run is done."""
    c = program.collection
    program.env.update({"PYTHONPATH": str(PLUGINS), "OSHIWAKE_PICTURE_LIMIT_S": "3"})
    victim = c.archive / "set 1" / "1-08.png"
    victim.write_bytes(victim.read_bytes() + ending.encode())
    status = program.json(*program.sort_args(), rc=1)
    assert status["summary"]["files"] == FILES
    assert status["summary"]["outcomes"]["unreadable"] == 3
    row = report(c)["set 1/1-08.png"]
    assert row["outcome"] == "unreadable" and reason in row["reason"]


def test_a_lost_gpu_costs_a_process_and_nothing_else(program: Program, tmp_path: Path) -> None:
    """Whoever meets it ends; another process takes its chunk, and the run is done as if nothing had been."""
    lost = tmp_path / "lost"
    lost.touch()
    path = os.pathsep.join([str(PLUGINS), os.environ.get("PYTHONPATH", "")])
    program.env.update({"PYTHONPATH": path, "LOST_GPU": str(lost)})
    status = program.json(*program.sort_args(), rc=1)
    assert not lost.exists()
    assert status["summary"]["files"] == FILES
    assert status["summary"]["outcomes"]["unreadable"] == 2


def test_a_picture_that_takes_all_memory_is_one_unreadable_row(
    program: Program, little_memory: tuple[str, ...]
) -> None:
    """The kernel kills whoever decodes it; the others of its chunk are embedded, and the run is done."""
    c = program.collection
    program.env["PYTHONPATH"] = str(PLUGINS)
    victim = c.archive / "set 1" / "1-08.png"
    victim.write_bytes(victim.read_bytes() + b"!devour!")
    process = program.start(*program.sort_args(), "--json", prefix=little_memory)
    out, err = process.communicate(timeout=WAIT_S * 2)
    assert process.returncode == 1, err
    assert json.loads(out)["summary"]["outcomes"]["unreadable"] == 3
    row = report(c)["set 1/1-08.png"]
    assert row["outcome"] == "unreadable" and "4 GiB of memory" in row["reason"]


def test_a_reduction_that_never_ends_fails_the_run(farm: LocalCluster) -> None:
    """It is killed at its time limit, and delivered again; after the sixth time the run is told, and nothing comes
    again. A resumed run counts anew.
    """
    program = farm.program
    program.env["OSHIWAKE_REDUCE_LIMIT_S"] = "2"
    farm.start_worker("embed", "embed")
    hasty = farm.start_worker("reduce", "hasty")
    with Journal(program.collection.output):  # a reducer waits for whoever else holds it, for longer than its limit
        program.sort("enqueue", rc=0)
        status = wait_until(lambda: (s := program.status())["state"] == "failed" and s, "the run has failed")
        assert "6 workers died at it, or ran out of time" in status["errors"]["reduce"]
        wait_until(lambda: not farm.client().exists("reduce", "unacked"), "nothing comes again")
    os.killpg(hasty.pid, signal.SIGTERM)
    del program.env["OSHIWAKE_REDUCE_LIMIT_S"]
    farm.start_worker("reduce", "patient")
    program("resume")
    assert farm.finished()["summary"]["files"] == FILES
