"""What workers did, added up in Redis: a hash for each worker, which `tasks.metrics` shows to Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["PREFIX", "Work", "add_work", "work_key"]

PREFIX = "oshiwake:work:"
"""Of the keys; the worker's name follows."""


@dataclass(frozen=True)
class Work:
    """What a worker did, to be added to what it did before.

    Attributes:
        worker: Its name, as Flower shows it.
        added: Counters by `name` or `name label`, e.g. `seconds decode`.
        now: Values that replace the last ones, e.g. `gpu_memory_used`.
    """

    worker: str
    added: Mapping[str, float]
    now: Mapping[str, float] = field(default_factory=dict)


def work_key(worker: str) -> str:
    """The hash of a worker."""
    return PREFIX + worker


def add_work(redis: Redis, work: Work, keep_s: int) -> None:
    """Add work that belongs to no chunk; it is forgotten when nothing came for `keep_s` seconds."""
    client: Any = redis
    key = work_key(work.worker)
    with client.pipeline() as pipe:
        for name, value in work.added.items():
            pipe.hincrbyfloat(key, name, value)
        if work.now:
            pipe.hset(key, mapping=dict(work.now))
        pipe.expire(key, keep_s).execute()
