"""A worker's claim on a trial: two that have the same trial in hand do not both train it.

A trial may be on the queue twice, when a sweep is started again while its first messages wait. The claim is a key in
Redis that names the message; losing it costs work, never a result.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

__all__ = ["TrialLock"]

_HELD_S = 900
"""An unrenewed claim ends after so long; one step with a measurement after it takes less."""

_RENEW_S = 10.0

_TAKE = """
local holder = redis.call('HGET', KEYS[1], 'message')
if holder and holder ~= ARGV[1] then return -1 end
local deaths = 0
if holder then deaths = redis.call('HINCRBY', KEYS[1], 'deaths', 1)
else redis.call('HSET', KEYS[1], 'message', ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return deaths
"""


class TrialLock:
    """The claim of one message on one trial."""

    def __init__(self, redis: Redis, what: str, message: str) -> None:
        self._redis: Any = redis
        self._key = f"oshiwake:{what}"
        self._message = message
        self._renewed_s = 0.0

    def take(self) -> int | None:
        """Take it; None when another message holds it.

        Returns:
            How many workers have died with this message in hand: it came back although nobody answered it.
        """
        deaths = int(self._redis.eval(_TAKE, 1, self._key, self._message, _HELD_S))
        return None if deaths < 0 else deaths

    def renew(self) -> None:
        """Keep it; cheap enough to be called after every step. A broker that is away for a while is no matter."""
        if time.monotonic() - self._renewed_s > _RENEW_S:
            with contextlib.suppress(RedisError):
                self._redis.expire(self._key, _HELD_S)
            self._renewed_s = time.monotonic()

    def drop(self) -> None:
        """Give it up, before the trial is sent on."""
        with contextlib.suppress(RedisError):
            self._redis.delete(self._key)
