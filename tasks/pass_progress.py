"""The live counters of a run in Redis, and the barrier that tells when every chunk is done.

A pass of a run has one barrier. A finished chunk adds itself to a hash; whoever makes the hash as long as expected
sends the reduce task. Counting twice is impossible: only the first entry of a chunk counts. All of it may be lost
without harm; the files in the store are the truth, and `producer resume` counts anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from store.counts import Counts
from tasks.worker_counters import Work, add_work, work_key

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["PassCounters", "PassProgress"]

_FAILED = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('HSET', KEYS[4], ARGV[1], ARGV[2])
  redis.call('EXPIRE', KEYS[4], ARGV[3])
end
"""

_DONE = """
if redis.call('HSETNX', KEYS[1], ARGV[1], 1) == 1 then
  redis.call('HINCRBY', KEYS[2], 'images', ARGV[2])
  redis.call('HINCRBY', KEYS[2], 'embedded', ARGV[3])
  redis.call('HINCRBY', KEYS[2], 'unreadable', ARGV[4])
  redis.call('HINCRBY', KEYS[2], 'unsupported', ARGV[5])
  redis.call('LPUSH', KEYS[3], ARGV[6] .. ' ' .. redis.call('HGET', KEYS[2], 'images'))
  redis.call('LTRIM', KEYS[3], 0, 63)
  redis.call('HDEL', KEYS[4], ARGV[1])
  redis.call('HDEL', KEYS[5], ARGV[1])
  for i = 9, #ARGV, 2 do
    redis.call(i < 9 + 2 * ARGV[8] and 'HINCRBYFLOAT' or 'HSET', KEYS[6], ARGV[i], ARGV[i + 1])
  end
end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[7]) end
local expected = redis.call('HGET', KEYS[2], 'expected')
if expected and redis.call('HLEN', KEYS[1]) >= tonumber(expected) then return 1 end
return 0
"""


@dataclass(frozen=True)
class PassProgress:
    """How far a pass is, as Redis knows it.

    Attributes:
        chunks: Chunks done.
        expected: Chunks that have to be done; None while the scan goes on.
        scanned: Files that the scan has seen so far.
        to_read: Of these, files that workers have to read.
        images: Files read.
        embedded: Of these, with an embedding.
        unreadable: Of these, unreadable.
        unsupported: Of these, no pictures.
        images_per_s: Over the last chunks; None before two are done.
        last_done_s: When the last chunk was done, in seconds since the epoch; None before one is.
        errors: Chunks that could not be done, with the last reason.
        reduced: Chunks assigned and placed.
        to_reduce: Chunks to assign and place; 0 before that has begun.
        shared: Of the parts that several reducers assign first, how many are done, and how many there are.
    """

    chunks: int
    expected: int | None
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


Also = Callable[[Any], None]
"""Adds commands to a pipeline."""


def _nothing(pipe: Any) -> None: ...


class PassCounters:
    """Counters and barriers in Redis."""

    def __init__(self, redis: Redis, keep_s: int) -> None:
        self._redis: Any = redis
        self._keep_s = keep_s
        self._mark_failed: Any = self._redis.register_script(_FAILED)

    def chunk_done(
        self, run: str, number: int, chunk: str, counts: Counts, work: Work | None = None, also: Also = _nothing
    ) -> bool:
        """Count a finished chunk and the work it was, the first time only; tell whether all expected chunks are done.

        `also` may add commands of others. All of it is one round trip: to a distant broker that is what costs.
        """
        numbers = [counts.images, counts.embedded, counts.unreadable, counts.unsupported]
        args: list[str | float] = [chunk, *numbers, time.time(), self._keep_s]
        keys = [*self._keys(run, number)[:5]]
        if work is not None:
            keys.append(work_key(work.worker))
            args.append(len(work.added))
            for field, value in (*work.added.items(), *work.now.items()):
                args += [field, value]
        with self._redis.pipeline(transaction=False) as pipe:
            also(pipe)
            return bool(pipe.eval(_DONE, len(keys), *keys, *args).execute()[-1])

    def add_work(self, work: Work) -> None:
        """Count work that belongs to no chunk."""
        add_work(self._redis, work, self._keep_s)

    def delivered(self, run: str, number: int, chunk: str, also: Also = _nothing) -> int:
        """Count a delivery of a chunk that nobody has answered for yet; more than one: a worker died at it.

        `also` may add commands of others to the same round trip.
        """
        key = self._keys(run, number)[4]
        with self._redis.pipeline() as pipe:
            pipe.hincrby(key, chunk, 1).expire(key, self._keep_s)
            also(pipe)
            return int(pipe.execute()[0])

    def answered(self, run: str, number: int, chunk: str) -> None:
        """A worker lived to say how a chunk went."""
        self._redis.hdel(self._keys(run, number)[4], chunk)

    def expect(self, run: str, number: int, chunks: int) -> bool:
        """Say how many chunks a pass has, once all are sent; tell whether all are done already."""
        done, totals, *_ = self._keys(run, number)
        with self._redis.pipeline() as pipe:
            pipe.hset(totals, "expected", chunks).expire(totals, self._keep_s).hlen(done)
            return int(pipe.execute()[-1]) >= chunks

    def begin(self, run: str, number: int, known: Counts | None = None) -> None:
        """Forget what was counted for a pass, and start from what its shards say."""
        keys = self._keys(run, number)
        self._redis.delete(*keys)
        if known is not None:
            self._redis.hset(keys[1], mapping=asdict(known))
            self._redis.expire(keys[1], self._keep_s)

    def failed(self, run: str, number: int, chunk: str, reason: str) -> None:
        """Note that a chunk could not be done, unless another worker has done it meanwhile."""
        self._mark_failed(keys=self._keys(run, number), args=[chunk, reason, self._keep_s])

    def recovered(self, run: str, number: int, chunk: str) -> None:
        """Forget an earlier failure of a chunk that is done now."""
        self._redis.hdel(self._keys(run, number)[3], chunk)

    def scanned(self, run: str, number: int, files: int, to_read: int) -> None:
        """Note how far the scan is."""
        key = self._keys(run, number)[1]
        with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping={"scanned": files, "to_read": to_read}).expire(key, self._keep_s).execute()

    def reducing(self, run: str, number: int, done: int, total: int) -> None:
        """Note how far the reduction is."""
        key = self._keys(run, number)[1]
        with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping={"reduced": done, "to_reduce": total}).expire(key, self._keep_s).execute()

    def share(self, run: str, number: int, parts: int) -> bool:
        """Say in how many parts a pass is assigned; tell whether nobody has said so before."""
        totals = self._keys(run, number)[1]
        with self._redis.pipeline() as pipe:
            return bool(pipe.hsetnx(totals, "parts", parts).expire(totals, self._keep_s).execute()[0])

    def part_done(self, run: str, number: int, part: int) -> bool:
        """Note that a part is assigned, or given up; tell whether all are."""
        _, totals, *_, parts = self._keys(run, number)
        with self._redis.pipeline() as pipe:
            pipe.sadd(parts, part).expire(parts, self._keep_s).scard(parts).hget(totals, "parts")
            *_, done, expected = pipe.execute()
        return int(done) >= int(expected or 0)

    def known(self, run: str, number: int) -> bool:
        """Whether a pass was ever counted, as far as Redis knows."""
        return bool(self._redis.exists(*self._keys(run, number)))

    def read(self, run: str, number: int) -> PassProgress | None:
        """How far a pass is, or None where Redis knows nothing of it."""
        done, totals, recent, errors, _, parts = self._keys(run, number)
        with self._redis.pipeline() as pipe:
            pipe.hlen(done).hgetall(totals).lrange(recent, 0, -1).hgetall(errors).scard(parts)
            chunks, raw, samples, failures, shared = pipe.execute()
        if not raw and not failures and not chunks:
            return None
        values = {key.decode(): int(value) for key, value in raw.items()}
        return PassProgress(
            chunks=chunks,
            expected=values.get("expected"),
            scanned=values.get("scanned", 0),
            to_read=values.get("to_read", 0),
            images=values.get("images", 0),
            embedded=values.get("embedded", 0),
            unreadable=values.get("unreadable", 0),
            unsupported=values.get("unsupported", 0),
            images_per_s=_rate([sample.decode() for sample in samples]),
            last_done_s=float(samples[0].split()[0]) if samples else None,
            errors={key.decode(): value.decode("utf-8", "replace") for key, value in failures.items()},
            reduced=values.get("reduced", 0),
            to_reduce=values.get("to_reduce", 0),
            shared=(int(shared), values.get("parts", 0)),
        )

    def _keys(self, run: str, number: int) -> tuple[str, str, str, str, str, str]:
        stem = f"oshiwake:run:{run}:{number}"
        return (
            f"{stem}:done",
            f"{stem}:totals",
            f"{stem}:recent",
            f"{stem}:errors",
            f"{stem}:deliveries",
            f"{stem}:parts",
        )


def _rate(samples: list[str]) -> float | None:
    """Images per second from the newest to the oldest kept sample of `time total`."""
    if len(samples) < 2:
        return None
    (last_s, last), (first_s, first) = (map(float, sample.split()) for sample in (samples[0], samples[-1]))
    return (last - first) / (last_s - first_s) if last_s > first_s else None
