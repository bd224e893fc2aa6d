"""The ledger: the state of all messages of a pass, in Redis, and the barriers before its next step.

A pass has a hash with a record per message, by name: `chunk 17`, `references 0`, `part 1 of 8`, `reduce`. A record has
a state (`queued`, `running`, `done`, `failed`, or `shared`: the parts of a reduction are being assigned), its time, the
unacknowledged deliveries, the attempts, and the workers that failed. All else is an index into the records.

The barrier is a set: a pass is complete when the producer has stored the expected chunks and each of them is done. A
report that is repeated, late, or about an unexpected chunk changes nothing.

A chunk in flight for much longer than the others took, while nothing else waits, is a straggler and is sent again. That
does no harm, because a shard appears atomically. A message that no worker begins, although nothing waits, counts as in
flight from then on: a broken connection may have lost it.

The ledger may be lost: the files in the store are the truth, and `producer resume` begins a new one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from store.counts import Counts
from tasks import ledger_scripts as scripts
from tasks.messages import MESSAGES, AssignMessage, EmbedMessage, Message, ReduceMessage, RunMessage
from tasks.worker_counters import INDEX, Work, work_key

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
        texts = (getattr(scripts, name) for name in scripts.__all__)
        self._scripts = {text: self._redis.register_script(text) for text in texts}

    def begin(self, run: str, number: int, known: Counts | None = None) -> None:
        """Begin a new ledger for a pass, which starts from what the shards say."""
        keys = _pass_keys(run, number)
        with self._redis.pipeline() as pipe:
            pipe.delete(*keys).hset(keys[1], mapping=asdict(known or Counts())).expire(keys[1], self._keep_s).execute()

    def expect(self, run: str, number: int, names: Iterable[str]) -> bool:
        """Say which chunks a pass waits for, once all are sent; tell whether all of them are done already."""
        return bool(self._scripts[scripts.EXPECT](keys=_pass_keys(run, number), args=[self._keep_s, *names]))

    def queued(self, message: RunMessage) -> None:
        """A message is about to be put on its queue."""
        self._about(message, scripts.QUEUED, message.task, message.model_dump_json())

    def take(self, message: RunMessage, worker: str) -> int:
        """Count a delivery of a message, which a worker begins with; only chunks can become stragglers.

        Returns:
            How often it was delivered and not answered, this time included; or `UNKNOWN`, or `DONE_BEFORE`.
        """
        return int(self._about(message, scripts.TAKE, worker, int(isinstance(message, EmbedMessage))))

    def done(self, message: RunMessage, work: Work, counts: Counts = Counts()) -> bool:  # noqa: B008  # frozen
        """Note that a message is done, and count the work it was, the first time only.

        Returns:
            Whether the reduction may begin: all that it waits for is done, and it has not begun.
        """
        numbers = [counts.images, counts.embedded, counts.unreadable, counts.unsupported]
        barrier = {EmbedMessage: "expected", AssignMessage: "parts"}.get(type(message), "none")
        more = [work_key(work.worker), INDEX]
        return bool(self._about(message, scripts.DONE, work.worker, barrier, *numbers, *work.args, keys=more))

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
        return Verdict(self._about(message, scripts.FAILED, worker, reason, policy, ATTEMPTS, *others))

    def drop(self, message: RunMessage) -> None:
        """Forget a message that nobody wants."""
        self._about(message, scripts.DROP)

    def share(self, message: ReduceMessage, parts: Collection[AssignMessage]) -> bool:
        """Say in which parts a pass is assigned; tell whether nobody has said so before."""
        return bool(self._about(message, scripts.SHARE, *(part.what for part in parts)))

    def scanned(self, run: str, number: int, files: int, to_read: int) -> None:
        """Note how far the scan is."""
        key = _pass_keys(run, number)[1]
        with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping={"scanned": files, "to_read": to_read}).expire(key, self._keep_s).execute()

    def reducing(self, message: ReduceMessage, done: int, total: int) -> None:
        """Note how far the reduction is. Further than ever before counts as an answer to its deliveries."""
        self._about(message, scripts.REDUCING, done, total)

    def overdue(self, queue: str) -> list[Message]:
        """The stragglers of a queue, each told to one caller only, to be sent again; none while others wait."""
        args = [RESENDS, UNKNOWN_S, SHORTEST_S, LONGER, _AT_ONCE, self._keep_s]
        found = self._scripts[scripts.STRAGGLERS](keys=[*_queue_keys(queue), queue], args=args)
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
        found = self._scripts[scripts.PROGRESS](keys=_pass_keys(run, number))
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
