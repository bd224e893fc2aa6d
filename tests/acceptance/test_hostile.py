"""What somebody may put into the queue who reaches the broker: refused by type, and the workers work on."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import LocalCluster, wait_until
from tests.conftest import FILES

GOOD = {"version": 1, "run": "20261123-0412", "number": 1, "part": "archive", "chunk": 0}


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def envelope(body: bytes, *, kind: str = "application/json", task: str = "oshiwake.embed", **headers: Any) -> bytes:
    """A message as Celery puts it into Redis."""
    number = str(uuid.uuid4())
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "binary" if "pickle" in kind else "utf-8",
            "content-type": kind,
            "headers": {"lang": "py", "task": task, "id": number, "root_id": number, "argsrepr": "()", **headers},
            "properties": {
                "correlation_id": number,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "embed"},
                "body_encoding": "base64",
                "delivery_tag": number,
            },
        }
    ).encode()


def call(fields: Any) -> bytes:
    """The body of a task with these arguments."""
    return json.dumps([[], fields, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()


def hostile(trap: Path) -> dict[str, bytes]:
    """Messages by what is wrong with them."""
    embed = [[], GOOD, {}]
    return {
        "pickle": envelope(pickle.dumps([[Trap(trap)], {}, {}]), kind="application/x-python-serialize"),
        "pickle by another name": envelope(pickle.dumps(embed), kind="application/x-pickle"),
        "yaml": envelope(f"!!python/object/apply:os.mkdir ['{trap}']".encode(), kind="application/x-yaml"),
        "unknown version": envelope(call(GOOD | {"version": 2})),
        "wrong types": envelope(call(GOOD | {"chunk": "0", "number": True})),
        "a way out": envelope(call(GOOD | {"run": "../../../etc", "part": "../../passwd"})),
        "no object": envelope(call([1, 2])),
        "more fields": envelope(call(GOOD | {"path": "/etc/passwd"})),
        "an unknown run": envelope(call(GOOD | {"run": "20200101-0000"})),
        "a deep one": envelope(b"[" * 100_000 + b"]" * 100_000),
        "a huge one": envelope(call(GOOD | {"run": "x" * 30_000_000})),
        "no JSON inside": envelope(b"\xff\xfe\x00garbage"),
        "another task": envelope(call({}), task="os.system"),
        "headers of other types": envelope(call(GOOD), attempt="many", failed_at=7, retries="x"),
        "no envelope": b"[]",
        "empty envelope": b"{}",
        "half an envelope": envelope(call(GOOD))[:120],
        "garbage": bytes(range(256)) * 8,
    }


@pytest.mark.timeout(400)
def test_hostile_messages_kill_nobody(farm: LocalCluster, tmp_path: Path) -> None:
    """Every one is refused and gone; both workers are the same processes as before, and then do a real run."""
    trap = tmp_path / "trap"
    workers = [farm.start_worker(queue, queue) for queue in ("embed", "reduce")]
    client = farm.client()
    for queue in ("embed", "reduce"):
        for message in hostile(trap).values():
            client.lpush(queue, message)
    wait_until(lambda: not client.llen("embed") and not client.llen("reduce"), "all messages are taken")
    run_id = farm.program.sort("enqueue", rc=0).stdout.strip()
    status = wait_until(lambda: (s := farm.program.status())["state"] == "done" and s, "the run is done", limit_s=240.0)
    assert status["run"] == run_id and status["summary"]["files"] == FILES
    assert not trap.exists()
    assert [worker.poll() for worker in workers] == [None, None]
    logs = []
    for worker in workers:
        os.killpg(worker.pid, signal.SIGTERM)
        logs.append(worker.communicate(timeout=60)[1])
    assert logs[0].count("BadMessage") >= 12, "each is said"
    assert max(len(line) for log in logs for line in log.splitlines()) < 20_000, "no body is written whole into a log"


def execution(run: str) -> dict[str, bytes]:
    """Messages for a chunk of a run that is being embedded, by what they ask Celery to do with it."""
    body = {"version": 1, "run": run, "number": 1, "part": "archive", "chunk": 0}
    evil: dict[str, dict[str, Any]] = {
        "a limit that is no number": {"timelimit": ["a", None]},
        "a limit of nothing": {"timelimit": [0.001, None]},
        "limits before now": {"timelimit": [-1, -1]},
        "limits of another form": {"timelimit": {"hard": 1}},
        "in a thousand years": {"eta": "3026-01-01T00:00:00"},
        "at no time": {"eta": ["x"]},
        "expired": {"expires": "2020-01-01T00:00:00"},
        "expires as garbage": {"expires": {"a": 1}},
        "retried for ever": {"retries": 10**9},
        "retried by text": {"retries": "many"},
        "a task that is a list": {"task": ["oshiwake.embed"]},
        "no task": {"task": None},
        "an id that is an object": {"id": {"a": 1}},
        "a group": {"group": "x", "root_id": ["y"], "parent_id": 3},
        "stamps": {"stamped_headers": 7, "stamps": "x"},
        "compressed": {"compression": "zlib"},
        "another name": {"shadow": ["celery.shutdown"], "argsrepr": {"x": 1}},
        "headers of other types": {"attempt": "many", "failed_at": 7},
        "origin": {"origin": 10**400, "lang": ["py"], "meth": 3},
    }
    messages = {name: envelope(call(body), **headers) for name, headers in evil.items()}
    chained = {"task": "oshiwake.embed", "args": [], "kwargs": body, "options": {}}
    for name in ("callbacks", "errbacks", "chain", "chord"):
        messages[name] = envelope(json.dumps([[], body, {name: [chained] * 3}]).encode())
    for task in ("celery.backend_cleanup", "celery.chord", "celery.map", "celery.accumulate", "celery.group"):
        messages[task] = envelope(call({}), task=task)
    for name in ("delivery_info", "delivery_tag", "body_encoding", "priority", "reply_to"):
        for value in (None, {"exchange": 1}, ["x"], "unacked"):
            changed = json.loads(messages["callbacks"])
            changed["properties"][name] = value
            messages[f"{name} {value}"] = json.dumps(changed).encode()
    return messages


@pytest.mark.timeout(400)
def test_nothing_in_a_message_changes_what_celery_does(farm: LocalCluster) -> None:
    """Worker and child live through all of it, and the next right message is done; broadcasts change nothing."""
    workers = [farm.start_worker(queue, queue) for queue in ("embed", "reduce")]
    children = [_children(worker.pid) for worker in workers]
    client = farm.client()
    farm.program.sort("enqueue", rc=0)
    run = farm.finished()["run"]
    messages = execution(run)
    for message in messages.values():
        client.lpush("embed", message)
    for command in ("shutdown", "pool_shrink", "pool_grow", "rate_limit", "time_limit", "cancel_consumer", "terminate"):
        client.publish("/0.celery.pidbox", _broadcast(command))
    client.publish("/0.celery.pidbox", b"[" * 100_000)
    client.publish("/0.celery.pidbox", b'{"body": 7}')
    wait_until(lambda: not client.exists("embed", "reduce", "unacked"), "all messages are answered")
    client.set("embed", "no queue")
    client.hset("reduce", "no", "queue")
    wait_until(lambda: client.type("embed") == client.type("reduce") == b"none", "what is no queue is gone")
    again = farm.program.sort("enqueue", rc=0).stdout.strip()
    done = wait_until(lambda: (s := farm.program.status())["state"] == "done" and s, "the run is done", limit_s=120.0)
    assert done["run"] == again
    assert [worker.poll() for worker in workers] == [None, None]
    assert [_children(worker.pid) for worker in workers] == children
    os.killpg(workers[0].pid, signal.SIGTERM)
    log = workers[0].communicate(timeout=60)[1]
    refused = [line for line in log.splitlines() if "BadMessage" in line]
    assert 10 <= len(refused) <= len(messages) + 20, "each is said once"
    assert "Traceback" not in log


def _children(pid: int) -> list[str]:
    """The processes of a worker."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _broadcast(method: str) -> bytes:
    """A command to all workers."""
    arguments = {"signal": "SIGKILL", "n": 1, "queue": "embed", "task_name": "oshiwake.embed", "rate_limit": "1/h"}
    body = {"method": method, "arguments": arguments, "destination": None, "pattern": None, "matcher": None}
    return envelope(json.dumps(body).encode(), hard=1)
