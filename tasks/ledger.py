"""The ledger: the state of every message of a pass, in Redis, and the barriers that tell when the next step may begin.

A pass has one hash with a record for each of its messages, by name: `chunk 17`, `references 0`, `part 1 of 8`,
`reduce`. A record says the state (`queued`, `running`, `done`, `failed`, or `shared`: a reduction whose parts are being
assigned), since when, how often the message was delivered without an answer, how often it was tried, and who failed at
it. All else is an index into the records: which chunks are expected and not done, which failed, and for each queue what
was sent and not begun, what is in flight, and how long the last chunks took.

The barrier asks for membership. A pass is complete when the producer has said which chunks it expects and each of them
is done. A report that comes twice, late, or about a chunk that nobody expects changes nothing.

A chunk in flight for much longer than the others took, while nothing else waits, is a straggler; it is sent a second
time. That does no harm: a shard appears whole, and the second worker finds it. A message that was sent and never begun,
although nothing waits, counts as in flight from then on: a broken connection may have lost it.

The ledger may be lost. The files in the store are the truth, and `producer resume` begins a new one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from store.counts import Counts
from tasks.messages import MESSAGES, AssignMessage, EmbedMessage, Message, ReduceMessage, RunMessage
from tasks.worker_counters import ADD_WORK, INDEX, Work, work_key

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["DONE_BEFORE", "UNKNOWN", "Ledger", "PassProgress", "Verdict"]

_COUNT = re.compile(rb"[0-9]{1,18}")
_SAMPLE = re.compile(rb"([0-9]{1,12}(?:\.[0-9]{1,20})?) ([0-9]{1,18})")
"""What counters and samples look like: whoever reaches the broker can write others."""

ATTEMPTS = 3
"""How often a message is tried before the run reports it as failed."""

RESENDS = 2
"""How often a straggler is sent again: a chunk that costs every machine its life must not do so at the pace of this."""

LONGER = 2.0
"""How many times longer than the median of the last chunks is too long."""

SHORTEST_S = 5.0
"""In flight for no longer than this is never too long."""

UNKNOWN_S = 60.0
"""What is too long before any chunk is done, when a worker may still be loading its network."""

UNKNOWN, DONE_BEFORE = 0, -1
"""Instead of a number of deliveries: the ledger has no such message; it is done."""

_AT_ONCE = 16


class Verdict(IntEnum):
    """What becomes of a message that failed."""

    GIVEN_UP = 0
    ALONE = 1
    OTHERS = 2


# The time is the broker's: clocks of machines differ. Scripts about one message share their keys and first arguments.
_RECORD = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local records, totals, recent, missing, failed, parts, sent, flying, took = unpack(KEYS)
local name, keep_s = ARGV[1], ARGV[2]
local member = records .. '|' .. name
local text = redis.call('HGET', records, name)
local record = text and cjson.decode(text)
local function write(state)
  record.state, record.since = state, now
  redis.call('HSET', records, name, cjson.encode(record))
  for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], keep_s) end
end
local function land()
  redis.call('SREM', sent, member)
  redis.call('ZREM', flying, member)
end
"""

_QUEUED = (
    _RECORD
    + """
if record and record.state == 'done' then return end
record = record or {attempts = 1, failed_at = {}}
record.deliveries, record.task, record.message = 0, ARGV[3], ARGV[4]
redis.call('SADD', sent, member)
write('queued')
"""
)

_TAKE = (
    _RECORD
    + """
redis.call('SREM', sent, member)
if not record then return 0 end
if record.state == 'done' then return -1 end
record.deliveries, record.worker = record.deliveries + 1, ARGV[3]
if ARGV[4] == '1' then redis.call('ZADD', flying, now, member) else redis.call('ZREM', flying, member) end
redis.call('SREM', failed, name)
write('running')
return record.deliveries
"""
)

_DONE = (
    _RECORD
    + ADD_WORK
    + """
land()
local barrier = ARGV[4] == 'expected' and missing or parts
local fresh = redis.call('SISMEMBER', barrier, name) == 1
if fresh or record and record.state ~= 'done' then
  if ARGV[4] == 'expected' and record and record.state == 'running' then
    redis.call('LPUSH', took, now - record.since)
    redis.call('LTRIM', took, 0, 31)
  end
  redis.call('SREM', barrier, name)
  redis.call('SREM', failed, name)
  if ARGV[4] == 'expected' then
    for i, field in ipairs({'images', 'embedded', 'unreadable', 'unsupported'}) do
      redis.call('HINCRBY', totals, field, ARGV[4 + i])
    end
    redis.call('LPUSH', recent, now .. ' ' .. redis.call('HGET', totals, 'images'))
    redis.call('LTRIM', recent, 0, 63)
  end
  if ARGV[9] then add_work(10, 9) end
  record = {worker = ARGV[3]}
  write('done')
end
if not record or redis.call('HEXISTS', totals, ARGV[4]) == 0 or redis.call('SCARD', barrier) > 0 then return 0 end
-- A reduction that was asked for too early says nothing. A chunk that is reported again makes up for a lost message.
if fresh then
  redis.call('SREM', failed, 'reduce')
  return 1
end
local reduce = redis.call('HGET', records, 'reduce')
local state = reduce and cjson.decode(reduce).state or 'queued'
return (state == 'queued' or state == 'shared' and ARGV[4] == 'parts') and 1 or 0
"""
)

_FAILED = (
    _RECORD
    + """
land()
if not record or record.state == 'done' then return 0 end
local worker, policy, limit, untried = ARGV[3], ARGV[5], tonumber(ARGV[6]), 0
for i = 7, #ARGV do if not record.failed_at[ARGV[i]] then untried = untried + 1 end end
-- While others live that have not failed, only a worker's first failure counts: a machine without its mount is free
-- again first, and would use up the attempts of all.
local counts = (not record.failed_at[worker] or untried == 0) and 1 or 0
local over = counts == 1 and record.attempts >= limit
record.reason, record.deliveries = ARGV[4], 0
if over or policy == 'final' then redis.call('SADD', failed, name) end
if policy == 'final' or over and policy == 'try' then write('failed') return 0 end
record.attempts = record.attempts + counts
record.failed_at[worker] = 1
redis.call('SADD', sent, member)
write('queued')
return untried > 0 and 2 or 1
"""
)

_DROP = _RECORD + "land() redis.call('HDEL', records, name)"

_SHARE = (
    _RECORD
    + """
if redis.call('HSETNX', totals, 'parts', #ARGV - 2) == 0 then return 0 end
for i = 3, #ARGV do redis.call('SADD', parts, ARGV[i]) end
record = record or {attempts = 1, failed_at = {}}
record.deliveries = 0
write('shared')
return 1
"""
)

_REDUCING = (
    _RECORD
    + """
redis.call('HSET', totals, 'reduced', ARGV[3], 'to_reduce', ARGV[4])
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', totals, 'furthest') or 0) then
  redis.call('HSET', totals, 'furthest', ARGV[3])
  if record and record.state == 'running' then record.deliveries = 0 write('running') end
end
redis.call('EXPIRE', totals, keep_s)
"""
)

_EXPECT = """
local records, totals, _, missing = unpack(KEYS)
redis.call('HSET', totals, 'expected', #ARGV - 1)
for i = 2, #ARGV do
  local text = redis.call('HGET', records, ARGV[i])
  if not text or cjson.decode(text).state ~= 'done' then redis.call('SADD', missing, ARGV[i]) end
end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
return redis.call('SCARD', missing) == 0 and 1 or 0
"""

_READ = """
local records, totals, recent, missing, failed, parts = unpack(KEYS)
if redis.call('EXISTS', records, totals) == 0 then return false end
local expected, errors, hopeless = redis.call('HEXISTS', totals, 'expected') == 1, {}, 0
for _, name in ipairs(redis.call('SMEMBERS', failed)) do
  local waited_for = redis.call('SISMEMBER', missing, name)
  if not expected or waited_for == 1 or name == 'reduce' and redis.call('SCARD', missing) == 0 then
    errors[#errors + 1] = name
    errors[#errors + 1] = cjson.decode(redis.call('HGET', records, name)).reason
    hopeless = hopeless + waited_for
  end
end
return {
  redis.call('HGETALL', totals), redis.call('LRANGE', recent, 0, 0), redis.call('LRANGE', recent, -1, -1),
  redis.call('SCARD', missing), hopeless, redis.call('SCARD', parts), errors,
}
"""

_OVERDUE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local sent, flying, took, queue = unpack(KEYS)
if redis.call('LLEN', queue) > 0 then return {} end
for _, member in ipairs(redis.call('SPOP', sent, ARGV[5])) do redis.call('ZADD', flying, 'NX', now, member) end
local times = redis.call('LRANGE', took, 0, -1)
for i = 1, #times do times[i] = tonumber(times[i]) end
table.sort(times)
local limit = tonumber(ARGV[2])
if #times > 0 then limit = math.max(tonumber(ARGV[3]), ARGV[4] * times[math.ceil(#times / 2)]) end
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', flying, '-inf', now - limit, 'LIMIT', 0, ARGV[5])) do
  -- Whoever reaches the broker can write members and records of other forms; they are left aside.
  local records, name = string.match(member, '^(.-)|(.*)$')
  local text = records and redis.pcall('HGET', records, name)
  local sound, record = pcall(cjson.decode, text)
  record = sound and type(record) == 'table' and record or nil
  local resent = record and (record.resent or 0)
  if record and (record.state == 'queued' or record.state == 'running') and resent < tonumber(ARGV[1]) then
    -- Whoever holds it is slow rather than dead, as far as anybody can know: that counts against no picture.
    record.resent, record.deliveries = resent + 1, 0
    redis.call('HSET', records, name, cjson.encode(record))
    redis.call('ZADD', flying, now, member)
    found[#found + 1] = {record.task, record.message}
  else
    redis.call('ZREM', flying, member)
  end
end
redis.call('EXPIRE', flying, ARGV[6])
return found
"""


@dataclass(frozen=True)
class PassProgress:
    """How far a pass is, as Redis knows it.

    Attributes:
        expected: Chunks that have to be done; None while the scan goes on.
        complete: Each of them is done.
        stuck: All that is not done has failed.
        scanned: Files that the scan has seen so far.
        to_read: Of these, files that workers have to read.
        images: Files read.
        embedded: Of these, with an embedding.
        unreadable: Of these, unreadable.
        unsupported: Of these, no pictures.
        images_per_s: Over the last chunks; None before two are done.
        last_done_s: When the last chunk was done, in seconds since the epoch; None before one is.
        errors: What is waited for and could not be done, with the last reason.
        reduced: Chunks assigned and placed.
        to_reduce: Chunks to assign and place; 0 before that has begun.
        shared: Of the parts that several reducers assign first, how many are done, and how many there are.
    """

    expected: int | None
    complete: bool
    stuck: bool
    scanned: int
    to_read: int
    images: int
    embedded: int
    unreadable: int
    unsupported: int
    images_per_s: float | None
    last_done_s: float | None
    errors: dict[str, str]
    reduced: int
    to_reduce: int
    shared: tuple[int, int]


class Ledger:
    """The records of all passes. Each method is one round trip."""

    def __init__(self, redis: Redis, keep_s: int) -> None:
        """Args:
        redis: The connection.
        keep_s: What nobody has touched for so long is forgotten.
        """
        self._redis: Any = redis
        self._keep_s = keep_s
        scripts = (_QUEUED, _TAKE, _DONE, _FAILED, _DROP, _SHARE, _REDUCING, _EXPECT, _READ, _OVERDUE)
        self._scripts = {text: self._redis.register_script(text) for text in scripts}

    def begin(self, run: str, number: int, known: Counts | None = None) -> None:
        """Begin a new ledger for a pass, which starts from what the shards say."""
        keys = _pass_keys(run, number)
        with self._redis.pipeline() as pipe:
            pipe.delete(*keys).hset(keys[1], mapping=asdict(known or Counts())).expire(keys[1], self._keep_s).execute()

    def expect(self, run: str, number: int, names: Iterable[str]) -> bool:
        """Say which chunks a pass waits for, once all are sent; tell whether all of them are done already."""
        return bool(self._scripts[_EXPECT](keys=_pass_keys(run, number), args=[self._keep_s, *names]))

    def queued(self, message: RunMessage) -> None:
        """A message is about to be put on its queue."""
        self._about(message, _QUEUED, message.task, message.model_dump_json())

    def take(self, message: RunMessage, worker: str) -> int:
        """Count a delivery of a message, which a worker begins with; only chunks can become stragglers.

        Returns:
            How often it was delivered and not answered, this time included; or `UNKNOWN`, or `DONE_BEFORE`.
        """
        return int(self._about(message, _TAKE, worker, int(isinstance(message, EmbedMessage))))

    def done(self, message: RunMessage, work: Work, counts: Counts = Counts()) -> bool:  # noqa: B008  # frozen
        """Note that a message is done, and count the work it was, the first time only.

        Returns:
            Whether the reduction may begin: all that it waits for is done, and it has not begun.
        """
        numbers = [counts.images, counts.embedded, counts.unreadable, counts.unsupported]
        barrier = {EmbedMessage: "expected", AssignMessage: "parts"}.get(type(message), "none")
        more = [work_key(work.worker), INDEX]
        return bool(self._about(message, _DONE, work.worker, barrier, *numbers, *work.args, keys=more))

    def failed(
        self, message: RunMessage, worker: str, reason: str, others: Collection[str] = (), policy: str = "final"
    ) -> Verdict:
        """Note that a worker could not do what a message asks for.

        Args:
            message: The message.
            worker: The worker that failed.
            reason: For a person to read.
            others: The other workers that listen on the queue.
            policy: `try`: a few times; `again`: for ever, though the run is told after a few times; `final`: no more.

        Returns:
            Whether it is to be sent again, and whether there are others that have not failed at it.
        """
        return Verdict(self._about(message, _FAILED, worker, reason, policy, ATTEMPTS, *others))

    def drop(self, message: RunMessage) -> None:
        """Forget a message that nobody wants."""
        self._about(message, _DROP)

    def share(self, message: ReduceMessage, parts: Collection[AssignMessage]) -> bool:
        """Say in which parts a pass is assigned; tell whether nobody has said so before."""
        return bool(self._about(message, _SHARE, *(part.what for part in parts)))

    def scanned(self, run: str, number: int, files: int, to_read: int) -> None:
        """Note how far the scan is."""
        key = _pass_keys(run, number)[1]
        with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping={"scanned": files, "to_read": to_read}).expire(key, self._keep_s).execute()

    def reducing(self, message: ReduceMessage, done: int, total: int) -> None:
        """Note how far the reduction is. Further than ever before counts as an answer to its deliveries."""
        self._about(message, _REDUCING, done, total)

    def overdue(self, queue: str) -> list[Message]:
        """The stragglers of a queue, each told to one caller only, to be sent again; none while others wait."""
        args = [RESENDS, UNKNOWN_S, SHORTEST_S, LONGER, _AT_ONCE, self._keep_s]
        found = self._scripts[_OVERDUE](keys=[*_queue_keys(queue), queue], args=args)
        messages: list[Message] = []
        for task, message in found:
            with contextlib.suppress(KeyError, ValueError):  # whoever reaches the broker can write others
                messages.append(MESSAGES[task.decode()].model_validate_json(message))
        return messages

    def known(self, run: str, number: int) -> bool:
        """Whether Redis knows of a pass."""
        return bool(self._redis.exists(*_pass_keys(run, number)))

    def read(self, run: str, number: int) -> PassProgress | None:
        """How far a pass is, or None where Redis knows nothing of it."""
        found = self._scripts[_READ](keys=_pass_keys(run, number))
        if found is None:
            return None
        raw, newest, oldest, missing, hopeless, missing_parts, failures = found
        totals = {key.decode("utf-8", "replace"): int(value) for key, value in _pairs(raw) if _COUNT.fullmatch(value)}
        errors = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in _pairs(failures)}
        first, last = _sample(oldest), _sample(newest)
        expected, parts = totals.get("expected"), totals.get("parts", 0)
        return PassProgress(
            expected=expected,
            complete=expected is not None and missing == 0,
            stuck=expected is not None and (0 < missing == hopeless or "reduce" in errors),
            images_per_s=_rate(first, last),
            last_done_s=last[0] if last else None,
            errors=errors,
            shared=(parts - missing_parts, parts),
            **{name: totals.get(name, 0) for name in _PLAIN},
        )

    def _about(self, message: RunMessage, script: str, *args: str | float, keys: Iterable[str] = ()) -> Any:
        all_keys = [*_pass_keys(message.run, message.number), *_queue_keys(message.queue), *keys]
        return self._scripts[script](keys=all_keys, args=[message.what, self._keep_s, *args])


_PLAIN = ("scanned", "to_read", "images", "embedded", "unreadable", "unsupported", "reduced", "to_reduce")


def _pass_keys(run: str, number: int) -> list[str]:
    return [
        f"oshiwake:run:{run}:{number}:{name}" for name in ("records", "totals", "recent", "missing", "failed", "parts")
    ]


def _queue_keys(queue: str) -> list[str]:
    return [f"oshiwake:{queue}:{name}" for name in ("sent", "in-hand", "took")]


def _pairs(flat: list[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _sample(found: list[bytes]) -> tuple[float, float] | None:
    """The time of a sample and the images until then."""
    told = _SAMPLE.fullmatch(found[0]) if found else None
    return (float(told[1]), float(told[2])) if told else None


def _rate(first: tuple[float, float] | None, last: tuple[float, float] | None) -> float | None:
    """Images per second between two samples; None where there are no two."""
    if first is None or last is None or last[0] <= first[0]:
        return None
    return (last[1] - first[1]) / (last[0] - first[0])
