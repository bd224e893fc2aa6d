"""Messages that nobody waits for any more, or that are about nothing: they end where they arrive."""

from __future__ import annotations

import os
import signal
from typing import Any

from tasks.ledger import ATTEMPTS
from tasks.messages import AssignMessage, EmbedMessage, ReduceMessage
from tests.acceptance.conftest import LocalCluster, Undisturbed, wait_until
from tests.acceptance.test_hostile import call, envelope
from tests.conftest import layout

UNKNOWN = "20200101-0000-bcdfg"


def messages(run: str) -> list[tuple[str, bytes]]:
    """One of each kind about a run's first pass, with their queues."""
    kinds: dict[str, list[EmbedMessage | AssignMessage | ReduceMessage]] = {
        "oshiwake.embed": [
            EmbedMessage(run=run, number=1, part="archive", chunk=0),
            EmbedMessage(run=run, number=1, part="passes/1/references", chunk=0),
        ],
        "oshiwake.assign": [AssignMessage(run=run, number=1, part=0, parts=1)],
        "oshiwake.reduce": [ReduceMessage(run=run, number=1)],
    }
    return [
        ("embed" if task == "oshiwake.embed" else "reduce", envelope(call(one.model_dump()), task=task))
        for task, some in kinds.items()
        for one in some
    ]


def deliver(farm: LocalCluster, *found: tuple[str, bytes]) -> None:
    """Put messages on their queues, and wait until all are answered."""
    client = farm.client()
    for queue, message in found:
        client.lpush(queue, message)
    wait_until(lambda: not any(client.exists(key) for key in ("embed", "reduce", "unacked")), "all are answered")


def failures(farm: LocalCluster) -> dict[str, Any]:
    """What workers counted as failed, and the runs that Redis knows of."""
    client = farm.client()
    work = {key: client.hgetall(key) for key in client.scan_iter(match="oshiwake:work:*")}
    return {key.decode(): value for fields in work.values() for key, value in fields.items() if b"failures" in key}


def test_late_messages_change_nothing(farm: LocalCluster, undisturbed: Undisturbed) -> None:
    """After an undo, a cancel, and a later pass: in every task; what the run and its output are stays so."""
    program = farm.program
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    run = program.sort("enqueue", rc=0).stdout.strip()
    farm.finished()
    program("undo")
    summary = program.collection.store / "runs" / run / "passes" / "1" / "summary.json"
    summary.unlink()  # as for a run that was undone under way
    deliver(farm, *messages(run))
    assert not program.collection.output.exists() and program.status()["state"] == "undone"

    program("resume")
    farm.finished()
    assert layout(program.collection.output) == undisturbed.layout
    program("reduce", "--threshold", "0.0001", rc=1)
    later = layout(program.collection.output)
    assert later != undisturbed.layout
    summary.unlink()
    deliver(farm, *messages(run))
    assert layout(program.collection.output) == later and not summary.exists()
    assert not failures(farm)


def test_a_run_undone_under_way_is_cancelled(farm: LocalCluster) -> None:
    """Half of it is in the queue: workers that come then read nothing, and it is undone."""
    program = farm.program
    run = program.sort("enqueue", "--no-worker-check", rc=0).stdout.strip()
    program("undo")
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    deliver(farm)
    shards = program.collection.store / "runs" / run / "archive" / "shards"
    assert not list(shards.iterdir()) and not program.collection.output.exists()
    assert program.status()["state"] == "undone" and not failures(farm)
    program("resume")
    farm.finished()


def test_messages_of_unknown_runs_hold_nobody_up(farm: LocalCluster) -> None:
    """They end at the first look: none is tried again, none counts as failed, and Redis keeps nothing of them."""
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    run = farm.program.sort("enqueue", rc=0).stdout.strip()
    farm.finished()
    another = run[:-1] + ("y" if run.endswith("z") else "z")
    unknown = [*messages(UNKNOWN), *messages(another)] * 10
    beyond = envelope(call(ReduceMessage(run=run, number=7).model_dump()), task="oshiwake.reduce")
    deliver(farm, *unknown, ("reduce", beyond))
    assert not failures(farm)
    assert not list(farm.client().scan_iter(match=f"oshiwake:run:{UNKNOWN}*"))
    assert farm.program.status()["state"] == "done"


def test_a_machine_that_does_not_see_the_store_drops_no_message(farm: LocalCluster, undisturbed: Undisturbed) -> None:
    """Its reducer puts the pass back again and again, until one comes that sees the store; the run is done."""
    program = farm.program
    store = program.env["OSHIWAKE_STORE"]
    farm.start_worker("embed", "embed")
    program.env["OSHIWAKE_STORE"] = store + "-not-mounted"
    blind = farm.start_worker("reduce", "blind")
    program.env["OSHIWAKE_STORE"] = store
    program.sort("enqueue", rc=0)
    wait_until(lambda: float(failures(farm).get("failures reduce", 0)) > ATTEMPTS, "the blind one has failed often")
    assert "does not see the store" in program.status()["errors"]["reduce"]
    farm.start_worker("reduce", "seeing")
    os.killpg(blind.pid, signal.SIGTERM)
    farm.finished()
    assert layout(program.collection.output) == undisturbed.layout
