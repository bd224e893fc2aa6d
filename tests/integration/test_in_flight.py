"""Chunks in hand, in a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from tasks import in_flight as in_hand
from tasks.in_flight import InFlight
from tasks.messages import EmbedMessage, ReduceMessage
from tasks.redis_client import connect
from tasks.settings import Settings


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A connection to an empty broker."""
    with connect(settings.broker_url) as redis:
        yield redis


@pytest.fixture
def chunks(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> InFlight[EmbedMessage]:
    """The chunks in hand; what takes no time is too long already."""
    monkeypatch.setattr(in_hand, "SHORTEST_S", 0)
    monkeypatch.setattr(in_hand, "UNKNOWN_S", 0)
    return InFlight(redis, "embed", EmbedMessage, 3600)


def _message(chunk: int) -> EmbedMessage:
    return EmbedMessage(run="20261123-0412", number=1, part="archive", chunk=chunk)


def test_what_is_in_hand_for_too_long_is_told_to_one(
    chunks: InFlight[EmbedMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second who asks hears nothing of a chunk that was just sent again, once it may take its time."""
    chunks.take(_message(0))
    chunks.take(_message(1))
    chunks.let_go(_message(1), done=False)
    assert chunks.overdue() == [_message(0)]
    monkeypatch.setattr(in_hand, "UNKNOWN_S", 60)
    assert chunks.overdue() == []


def test_a_chunk_is_sent_again_twice_at_most(chunks: InFlight[EmbedMessage]) -> None:
    """After that it waits for its message: it may be what makes machines vanish. A chunk that was done begins anew."""
    for _ in range(in_hand.AGAIN):
        chunks.take(_message(0))
        assert chunks.overdue() == [_message(0)]
    chunks.take(_message(0))
    assert chunks.overdue() == []
    chunks.let_go(_message(0), done=True)
    chunks.take(_message(0))
    assert chunks.overdue() == [_message(0)]


def test_nothing_is_sent_again_while_others_wait(chunks: InFlight[EmbedMessage], redis: Redis) -> None:
    """Work that nobody has begun goes before work that somebody has."""
    chunks.take(_message(0))
    redis.lpush("embed", "a message")
    assert chunks.overdue() == []
    redis.delete("embed")
    assert chunks.overdue() == [_message(0)]


def test_a_chunk_that_nobody_begins_is_sent_again(
    chunks: InFlight[EmbedMessage], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message was lost on the way, as far as anybody can know once nothing waits; it gets the time of any other."""
    chunks.sent(_message(0))
    chunks.sent(_message(1))
    redis.lpush("embed", "a message")
    assert chunks.overdue() == []
    redis.delete("embed")
    chunks.take(_message(1))
    chunks.let_go(_message(1), done=True)
    monkeypatch.setattr(in_hand, "SHORTEST_S", 60)
    assert chunks.overdue() == []
    monkeypatch.setattr(in_hand, "SHORTEST_S", 0)
    redis.delete("oshiwake:embed:took")
    assert chunks.overdue() == [_message(0)]
    chunks.take(_message(0))
    chunks.let_go(_message(0), done=True)
    assert chunks.overdue() == []


def test_a_pass_that_nobody_begins_is_sent_again(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was begun may take as long as it likes, and chunks are not counted with passes."""
    monkeypatch.setattr(in_hand, "UNKNOWN_S", 0)
    passes = InFlight(redis, "reduce", ReduceMessage, 3600)
    lost, begun = (ReduceMessage(run="20261123-0412", number=number) for number in (1, 2))
    for message in (lost, begun):
        passes.sent(message)
    redis.lpush("reduce", "a message")
    assert passes.overdue() == []
    passes.begun(begun)
    redis.delete("reduce")
    assert passes.overdue() == [lost]
    passes.begun(lost)
    assert passes.overdue() == []
    assert InFlight(redis, "embed", EmbedMessage, 3600).overdue() == []


def test_too_long_is_measured_by_what_chunks_take(chunks: InFlight[EmbedMessage], redis: Redis) -> None:
    """Twice the median of the last chunks: where all are slow, none is too slow."""
    redis.rpush("oshiwake:embed:took", *[100.0] * 3, *[0.0] * 2)
    chunks.take(_message(0))
    assert chunks.overdue() == []
    redis.zincrby("oshiwake:embed:in-hand", -201, _message(0).model_dump_json())
    assert chunks.overdue() == [_message(0)]


def test_nothing_stays_for_ever(chunks: InFlight[EmbedMessage], redis: Redis) -> None:
    """Every key expires."""
    chunks.sent(_message(2))
    assert 0 < redis.ttl("oshiwake:embed:sent") <= 3600
    chunks.take(_message(0))
    chunks.take(_message(1))
    chunks.overdue()
    chunks.let_go(_message(1), done=True)
    assert {b"oshiwake:embed:in-hand", b"oshiwake:embed:again", b"oshiwake:embed:took"} == set(redis.keys("*"))
    assert all(0 < redis.ttl(key) <= 3600 for key in redis.keys("*"))
