"""Which workers live, told in a millisecond: each keeps a key in Redis that expires soon after its last heartbeat.

Celery's own ping waits a second for answers. `python -m tasks.worker_registry` asks for this machine alone: the
health check of a container.
"""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["PREFIX", "LiveWorker", "live_workers"]

PREFIX = "oshiwake:worker:"
"""Of the keys; the worker's name follows."""


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


def live_workers(redis: Redis) -> list[LiveWorker]:
    """The workers that beat lately, by name."""
    client: Any = redis
    keys = list(client.scan_iter(match=f"{PREFIX}*", count=1000))
    values = client.mget(keys) if keys else []
    found = [
        (key.decode().removeprefix(PREFIX), json.loads(value))
        for key, value in zip(keys, values, strict=True)
        if value is not None
    ]
    return [LiveWorker(name, tuple(value["queues"]), value["processes"]) for name, value in sorted(found)]


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
