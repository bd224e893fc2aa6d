"""The registry of live workers: a sorted set in Redis, by expiry time.

A query takes a millisecond; Celery's ping waits a second. `python -m tasks.worker_registry` checks this machine only:
the health check of a container.
"""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["ALIVE_S", "LiveWorker", "beat", "leave", "live_workers"]

ALIVE_S = 10
"""Celery's heartbeat comes every two seconds; five may be missed."""

_KEY = "oshiwake:workers"

# The time is the broker's: clocks of machines differ.
_BEAT = """
redis.call('ZADD', KEYS[1], redis.call('TIME')[1] + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""

_LIVE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1])
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""

_MOST_PROCESSES = 1 << 16


@dataclass(frozen=True)
class LiveWorker:
    """A worker whose heart beats.

    Attributes:
        name: As Flower shows it.
        queues: The queues it listens on.
        processes: How many chunks it handles at once.
    """

    name: str
    queues: tuple[str, ...]
    processes: int


def beat(worker: LiveWorker) -> tuple[str | bytes | float, ...]:
    """The command to Redis by which a worker says that it lives for `ALIVE_S` more seconds."""
    return "EVAL", _BEAT, 1, _KEY, json.dumps(asdict(worker)), ALIVE_S


def leave(redis: Redis, worker: LiveWorker) -> None:
    """A worker says that it ends."""
    redis.zrem(_KEY, json.dumps(asdict(worker)))


def live_workers(redis: Redis) -> list[LiveWorker]:
    """The workers that beat lately, by name; of one that was started anew, what it said last."""
    client: Any = redis
    found = (_told(member) for member in client.eval(_LIVE, 1, _KEY))
    latest = {worker.name: worker for worker in found if worker is not None}
    return [latest[name] for name in sorted(latest)]


def _told(member: bytes) -> LiveWorker | None:
    """What a worker said of itself; None where no worker of ours wrote it, for whoever reaches the broker can."""
    try:
        told = json.loads(member)
        name, queues, processes = told["name"], told["queues"], told["processes"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    texts = isinstance(queues, list) and all(isinstance(text, str) for text in (name, *queues))
    if not texts or type(processes) is not int or not 0 <= processes <= _MOST_PROCESSES:
        return None
    return LiveWorker(name, tuple(queues), processes)


def _main() -> int:
    from redis.exceptions import RedisError

    from model.printable import printable
    from tasks.broker_address import safe_url
    from tasks.redis_client import connect
    from tasks.settings import read_settings

    url, here = read_settings().broker_url, f"@{socket.gethostname()}"
    try:
        names = [worker.name for worker in live_workers(connect(url)) if worker.name.endswith(here)]
    except RedisError as error:
        print(printable(f"no broker answers at {safe_url(url)} ({error})"))  # noqa: T201
        return 1
    print(printable(", ".join(names)) or f"no worker of this machine ({here}) has a heart that beats")  # noqa: T201
    return 0 if names else 1


if __name__ == "__main__":
    sys.exit(_main())
