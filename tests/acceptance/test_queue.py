"""The distributed form: `producer enqueue`, plain Celery workers, Flower."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.acceptance.conftest import LocalCluster, Undisturbed, wait_until
from tests.conftest import FILES, layout
from tests.ports import free_port


def test_two_celery_workers_sort_like_one_machine(farm: LocalCluster, undisturbed: Undisturbed) -> None:
    """`enqueue` over Redis with two embed workers and a reducer gives the layout of `run`."""
    program = farm.program
    for queue, name in (("embed", "one"), ("embed", "two"), ("reduce", "reduce")):
        farm.start_worker(queue, name)
    run_id = program.sort("enqueue", rc=0).stdout.strip()
    assert re.fullmatch(r"\d{8}-\d{4}-[a-z0-9]{5}", run_id)
    status = farm.finished()
    assert status["run"] == run_id and status["summary"]["files"] == FILES
    assert {worker["name"] for worker in status["workers"]} == {"one@test", "two@test", "reduce@test"}
    assert layout(program.collection.output) == undisturbed.layout


def test_reducers_share_a_large_run_also_when_one_is_killed(farm: LocalCluster, undisturbed: Undisturbed) -> None:
    """Two reducers assign in parts; one is killed at it, and the layout is that of one undisturbed reducer."""
    program = farm.program
    program.env["OSHIWAKE_REDUCE_FAN_OUT"] = "2"
    first = farm.start_worker("reduce", "first")
    for queue, name in (("reduce", "second"), ("embed", "embed")):
        farm.start_worker(queue, name)
    run_id = program.sort("enqueue", rc=0).stdout.strip()
    decided = program.collection.store / "runs" / run_id / "passes" / "1" / "decided"
    wait_until(lambda: decided.exists() or (decided.parent / "summary.json").exists(), "the assignment has begun")
    for pid in _children(first.pid):
        os.kill(pid, signal.SIGKILL)
    status = farm.finished()
    assert status["summary"]["files"] == FILES and not status["errors"]
    assert int(farm.client().hget(f"oshiwake:run:{run_id}:1:totals", "parts")) >= 2
    assert layout(program.collection.output) == undisturbed.layout


def test_flower_shows_each_task_in_plain_words(farm: LocalCluster) -> None:
    """In Flower each embed task's result reads like "run … chunk 1: 16 images, 15 embedded, 1 unreadable"."""
    program = farm.program
    with _flower(farm) as tasks:
        for queue in ("embed", "reduce"):
            farm.start_worker(queue, queue)
        run_id = program.sort("enqueue", rc=0).stdout.strip()
        farm.finished()
        found = wait_until(lambda: (t := tasks()) and all(x["state"] == "SUCCESS" for x in t) and t, "Flower has all")
    results = sorted(task["result"].strip("'") for task in found)
    assert f"run {run_id} references 0: 6 images, 6 embedded, 0 unreadable" in results
    chunks = [line for line in results if re.match(rf"run {run_id} chunk \d+: \d+ images, \d+ embedded, ", line)]
    assert len(chunks) >= 3
    assert any(line.startswith(f"run {run_id}: {FILES} files, ") for line in results)


@contextmanager
def _flower(farm: LocalCluster) -> Iterator[Any]:
    """A running Flower; gives a function that reads the tasks it shows."""
    port = free_port()
    farm.program.env["FLOWER_UNAUTHENTICATED_API"] = "true"
    args = ["-A", "tasks", "flower", f"--port={port}", "--address=127.0.0.1", "--enable_events=true"]
    process = farm.program.start(*args, program="celery")

    def tasks() -> list[dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tasks", timeout=5) as answer:
                return list(json.load(answer).values())
        except OSError:
            return []

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        wait_until(answers, "Flower answers")
        yield tasks
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_killed_worker_gives_its_chunk_back(farm: LocalCluster) -> None:
    """A worker killed with its child in mid-run costs nothing: another one finishes the run."""
    program = farm.program
    first = farm.start_worker("embed", "first")
    farm.start_worker("reduce", "reduce")
    program.env["OSHIWAKE_VISIBILITY_S"] = "3601"
    program.sort("enqueue", rc=0)
    children = wait_until(lambda: _children(first.pid), "the worker has a child")
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    status = farm.finished()
    assert status["summary"]["files"] == FILES and not status["errors"]


def _children(pid: int) -> list[int]:
    path = f"/proc/{pid}/task/{pid}/children"
    with open(path) as file:
        return [int(child) for child in file.read().split()]


def test_a_broker_that_lost_everything_costs_a_resume(farm: LocalCluster) -> None:
    """After the broker is emptied in mid-run, `producer resume` sends what has no shard, and the run ends well."""
    program = farm.program
    program.sort("enqueue", "--no-worker-check", rc=0)
    farm.client().flushall()
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    assert program.status()["state"] == "stopped"
    program("resume")
    assert farm.finished()["summary"]["files"] == FILES


def test_a_cancelled_run_can_be_resumed(farm: LocalCluster) -> None:
    """Cancelled chunks are passed over; resumed, the run is done whole."""
    program = farm.program
    program.sort("enqueue", "--no-worker-check", rc=0)
    program("cancel")
    assert program.status()["state"] == "cancelled"
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    wait_until(lambda: farm.client().llen("embed") == 0, "the cancelled chunks are passed over")
    assert program.status()["embedded"] == 0
    program("resume")
    assert farm.finished()["summary"]["files"] == FILES


def test_status_watch_stays_until_the_end(farm: LocalCluster) -> None:
    """`status --watch` ends when the run has ended, and then shows the outcome."""
    program = farm.program
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    program.sort("enqueue", rc=0)
    assert "files seen" in program("status", "--watch").stdout


def test_a_worker_that_does_not_see_the_archive_says_so(farm: LocalCluster) -> None:
    """A missing mount fails the chunk, not the pictures; once it is there, resume finishes the run."""
    program, c = farm.program, farm.program.collection
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    away = c.archive.with_name("away")
    program.sort("enqueue", "--no-worker-check", rc=0)
    c.archive.rename(away)
    try:
        status = wait_until(lambda: (s := program.status())["state"] == "failed" and s, "the run has failed")
    finally:
        away.rename(c.archive)
    assert any("does not see" in reason for reason in status["errors"].values())
    program("resume")
    status = farm.finished()
    assert status["summary"]["outcomes"]["unreadable"] == 2


def test_producer_worker_serves_both_queues(farm: LocalCluster) -> None:
    """`producer worker` alone is enough to finish a run, and stops what it started when terminated."""
    program = farm.program
    worker = program.start("worker", "--processes", "1")
    wait_until(lambda: len(farm.listening()) == 2, "both workers listen")
    program.sort("enqueue", rc=0)
    farm.finished()
    worker.terminate()
    worker.communicate(timeout=30)
    assert program.processes() == []
