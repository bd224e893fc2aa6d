"""Which workers live, told in a millisecond: each keeps a key in Redis that expires soon after its last heartbeat.

Celery's own ping waits a second for answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from redis import Redis

__all__ = ["PREFIX", "WorkerAlive", "workers_alive"]

PREFIX = "oshiwake:worker:"
"""Of the keys; the worker's name follows."""


@dataclass(frozen=True)
class WorkerAlive:
    """A worker whose heart beats.

    Attributes:
        name: As Flower shows it.
        queues: The queues it listens on.
        processes: How many chunks it handles at once.
    """

    name: str
    queues: tuple[str, ...]
    processes: int


def workers_alive(redis: Redis) -> list[WorkerAlive]:
    """The workers that beat lately, by name."""
    client: Any = redis
    keys = list(client.scan_iter(match=f"{PREFIX}*", count=1000))
    values = client.mget(keys) if keys else []
    found = [
        (key.decode().removeprefix(PREFIX), json.loads(value))
        for key, value in zip(keys, values, strict=True)
        if value is not None
    ]
    return [WorkerAlive(name, tuple(value["queues"]), value["processes"]) for name, value in sorted(found)]
