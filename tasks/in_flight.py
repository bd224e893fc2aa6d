"""The chunks and passes that workers have in hand, and those of them that take too long.

A slow worker must not hold the last chunks of a run while fast ones have nothing to do, and what a vanished machine had
in hand must not wait for its message to time out. So when nothing else waits, a chunk that has been in hand for much
longer than chunks take is sent a second time. That does no harm: its shard appears whole, and who comes second finds
it there. A chunk that was sent and never begun, although nothing waits, counts as in hand from then on: a connection
that broke while a message was on its way may have cost the message.

Of passes only that last is watched: how long a reduction takes says nothing about the next.

All of it may be lost; then chunks come back when their messages time out, or by `producer resume`.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from redis import Redis

from tasks.messages import EmbedMessage, ReduceMessage

__all__ = ["InFlight"]

M = TypeVar("M", EmbedMessage, ReduceMessage)

AGAIN = 2
"""How often a chunk is sent again: a chunk that costs every machine its life must not do so at the pace of this."""

LONGER = 2.0
"""How many times longer than the median of the last chunks is too long."""

SHORTEST_S = 5.0
"""In hand for no longer than this is never too long."""

UNKNOWN_S = 60.0
"""What is too long before any chunk is done, when a worker may still be loading its network."""

_AT_ONCE = 16
_KEYS = ("in-hand", "again", "took", "sent")  # after `oshiwake:` and the queue

# The time is the broker's: clocks of machines differ.
_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "

_SENT = "redis.call('SADD', KEYS[4], ARGV[1]) redis.call('EXPIRE', KEYS[4], ARGV[2])"

_TAKE = (
    _NOW
    + """
redis.call('SREM', KEYS[4], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
)

_BEGUN = """
redis.call('SREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
"""

_LET_GO = (
    _NOW
    + """
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
if ARGV[2] == '1' then
  redis.call('HDEL', KEYS[2], ARGV[1])
  if since then
    redis.call('LPUSH', KEYS[3], now - since)
    redis.call('LTRIM', KEYS[3], 0, 31)
    redis.call('EXPIRE', KEYS[3], ARGV[3])
  end
end
"""
)

_OVERDUE = (
    _NOW
    + """
if redis.call('LLEN', KEYS[5]) > 0 then return {} end
for _, chunk in ipairs(redis.call('SPOP', KEYS[4], ARGV[5])) do redis.call('ZADD', KEYS[1], 'NX', now, chunk) end
local took = redis.call('LRANGE', KEYS[3], 0, -1)
for i = 1, #took do took[i] = tonumber(took[i]) end
table.sort(took)
local limit = tonumber(ARGV[2])
if #took > 0 then limit = math.max(tonumber(ARGV[3]), ARGV[4] * took[math.ceil(#took / 2)]) end
local found = {}
for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - limit, 'LIMIT', 0, ARGV[5])) do
  if redis.call('HINCRBY', KEYS[2], chunk, 1) <= tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], now, chunk)
    found[#found + 1] = chunk
  else
    redis.call('ZREM', KEYS[1], chunk)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('EXPIRE', KEYS[2], ARGV[6])
return found
"""
)


class InFlight(Generic[M]):
    """The chunks in hand, or the passes, in Redis: what is sent by one queue."""

    def __init__(self, redis: Redis, queue: str, kind: type[M], keep_s: int) -> None:
        self._redis: Any = redis
        self._queue = queue
        self._kind: type[M] = kind
        self._keep_s = keep_s
        self._keys = [f"oshiwake:{queue}:{name}" for name in _KEYS]
        self._overdue = self._redis.register_script(_OVERDUE)

    def sent(self, message: M) -> None:
        """A chunk or a pass is about to be put on the queue."""
        self._eval(None, _SENT, message.model_dump_json(), self._keep_s)

    def take(self, message: M, through: Any = None) -> None:
        """A worker begins with a chunk; `through` a pipeline, it costs no round trip of its own."""
        self._eval(through, _TAKE, message.model_dump_json(), self._keep_s)

    def begun(self, message: M) -> None:
        """A worker begins with a pass, which may take as long as it likes."""
        self._eval(None, _BEGUN, message.model_dump_json())

    def let_go(self, message: M, *, done: bool, through: Any = None) -> None:
        """A worker has ended with a chunk, well or not."""
        self._eval(through, _LET_GO, message.model_dump_json(), int(done), self._keep_s)

    def _eval(self, through: Any, script: str, *args: str | int) -> None:
        (through or self._redis).eval(script, len(self._keys), *self._keys, *args)

    def overdue(self) -> list[M]:
        """The chunks or passes to send again, each told to one caller only; none while others wait in the queue."""
        args = [AGAIN, UNKNOWN_S, SHORTEST_S, LONGER, _AT_ONCE, self._keep_s]
        found = self._overdue(keys=[*self._keys, self._queue], args=args)
        return [self._kind.model_validate_json(message) for message in found]
