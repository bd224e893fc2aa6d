"""What somebody else wrote under our names in the broker is left aside by all who read there."""

from __future__ import annotations

import pytest
from redis import Redis

from store.counts import Counts
from tasks import ledger as ledgers
from tasks.ledger import Ledger
from tasks.messages import EmbedMessage
from tasks.metrics import metrics_text
from tasks.settings import Settings
from tasks.worker_counters import Work, work_key
from tasks.worker_registry import LiveWorker, live_workers

RUN = "20261123-0412"
CHUNK = EmbedMessage(run=RUN, number=1, part="archive", chunk=0)
NO_NUMBERS = (b"", b"x", b"-1", b"nan", b"\xff", b"9" * 5000, b"1.5")


def test_workers_that_are_none(redis: Redis, settings: Settings) -> None:
    """One such member let `producer status`, `metrics` and `enqueue` fail."""
    worker = LiveWorker("embed@a", ("embed",), 2)
    foreign = (
        *(b"", b"x", b"[]", b"3", b"{}", b"\xff", b"[" * 100_000),
        b'{"name": "b", "queues": 5, "processes": 1}',
        b'{"name": "b", "queues": [5], "processes": 1}',
        b'{"name": 5, "queues": [], "processes": 1}',
        b'{"name": "b", "queues": [], "processes": "1"}',
        b'{"name": "b", "queues": [], "processes": -1}',
        b'{"name": "b", "queues": [], "processes": 1e400}',
    )
    for member in (*foreign, b'{"name": "embed@a", "queues": ["embed"], "processes": 2}'):
        redis.zadd("oshiwake:workers", {member: 1e11})
    assert live_workers(redis) == [worker]
    redis.zadd("oshiwake:work", {b"\xff": 1e11})
    for field in NO_NUMBERS:
        redis.hset(work_key("embed@a"), field or b"chunks", b"x")
    assert 'oshiwake_worker_processes{worker="embed@a"} 2.0' in metrics_text(settings)


def test_counters_that_are_none(redis: Redis, settings: Settings) -> None:
    """What is ours beside them still counts."""
    found = Ledger(redis, settings.keep_s)
    found.queued(CHUNK)
    found.take(CHUNK, "a")
    found.done(CHUNK, Work("a"), Counts(6, 5, 1, 0))
    stem = f"oshiwake:run:{RUN}:1"
    for number, value in enumerate(NO_NUMBERS):
        redis.hset(f"{stem}:totals", b"\xff%d" % number, value)
        redis.lpush(f"{stem}:recent", value, value + b" " + value)
    redis.hset(f"{stem}:totals", "scanned", "x")
    progress = found.read(RUN, 1)
    assert progress is not None and (progress.embedded, progress.scanned, progress.errors) == (5, 0, {})
    assert progress.last_done_s is None and progress.images_per_s is None


def test_chunks_in_flight_that_are_none(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """They do not keep the others from being sent again."""
    monkeypatch.setattr(ledgers, "UNKNOWN_S", 0)
    found = Ledger(redis, 3600)
    found.queued(CHUNK)
    found.take(CHUNK, "a")
    redis.zadd("oshiwake:embed:in-hand", dict.fromkeys((b"", b"x", b"[]", b"\xff", b"x|y"), 0))
    assert found.overdue("embed") == [CHUNK]
