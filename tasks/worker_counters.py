"""What workers did, added up in Redis: a hash for each worker, which `tasks.metrics` shows to Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["ADD_WORK", "INDEX", "Work", "add_work", "work_key", "workers_counted"]

INDEX = "oshiwake:work"
"""A sorted set of the workers that have a hash, by the time of their last work."""

ADD_WORK = """
local function add_work(key, arg)
  -- From this argument on: the worker, the number of counters, then names and values of counters and of other figures.
  local time, keep_s = redis.call('TIME')[1], ARGV[2]
  for i = arg + 2, #ARGV, 2 do
    redis.call(i < arg + 2 + 2 * ARGV[arg + 1] and 'HINCRBYFLOAT' or 'HSET', KEYS[key], ARGV[i], ARGV[i + 1])
  end
  redis.call('ZADD', KEYS[key + 1], time, ARGV[arg])
  redis.call('ZREMRANGEBYSCORE', KEYS[key + 1], '-inf', time - keep_s)
  redis.call('EXPIRE', KEYS[key], keep_s)
  redis.call('EXPIRE', KEYS[key + 1], keep_s)
end
"""
"""A function for Lua scripts whose second argument is how long figures are kept, in seconds."""


@dataclass(frozen=True)
class Work:
    """What a worker did, to be added to what it did before.

    Attributes:
        worker: Its name, as Flower shows it.
        added: Counters by `name` or `name label`, e.g. `seconds decode`.
        now: Values that replace the last ones, e.g. `gpu_memory_used`.
    """

    worker: str
    added: Mapping[str, float] = field(default_factory=dict)
    now: Mapping[str, float] = field(default_factory=dict)

    @property
    def args(self) -> list[str | float]:
        """For `ADD_WORK`."""
        pairs = [value for pair in (*self.added.items(), *self.now.items()) for value in pair]
        return [self.worker, len(self.added), *pairs]


def work_key(worker: str) -> str:
    """The hash of a worker."""
    return f"{INDEX}:{worker}"


def add_work(redis: Redis, work: Work, keep_s: int) -> None:
    """Add work that belongs to no message; it is forgotten when nothing came for `keep_s` seconds."""
    client: Any = redis
    client.eval(ADD_WORK + "add_work(1, 3)", 2, work_key(work.worker), INDEX, "", keep_s, *work.args)


def workers_counted(redis: Redis) -> set[str]:
    """The names of the workers that have a hash."""
    client: Any = redis
    return {name.decode("utf-8", "replace") for name in client.zrange(INDEX, 0, -1)}
