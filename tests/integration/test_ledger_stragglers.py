"""Which messages the ledger has sent again, in a real broker."""

from __future__ import annotations

import pytest
from redis import Redis

from tasks import ledger as ledger_module
from tasks.ledger import RESENDS, Ledger
from tasks.messages import AssignMessage, ReduceMessage
from tests.integration.ledger_pass import REDUCE, RUN, chunk, done


@pytest.fixture
def hasty(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger to which what takes no time takes too long already."""
    monkeypatch.setattr(ledger_module, "SHORTEST_S", 0)
    monkeypatch.setattr(ledger_module, "UNKNOWN_S", 0)
    return ledger


def test_a_straggler_is_told_to_one(hasty: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second who asks hears nothing of a chunk that was just sent again, once it may take its time."""
    for number in (0, 1):
        hasty.queued(chunk(number))
        hasty.take(chunk(number), "w@test")
    hasty.drop(chunk(1))
    assert hasty.overdue("embed") == [chunk(0)]
    monkeypatch.setattr(ledger_module, "UNKNOWN_S", 60)
    assert hasty.overdue("embed") == []


def test_a_straggler_is_sent_again_twice_at_most(hasty: Ledger) -> None:
    """After that it waits for its message: it may be what makes machines vanish. Nobody's death counts against it."""
    hasty.queued(chunk(0))
    for _ in range(RESENDS):
        assert hasty.take(chunk(0), "w@test") == 1
        assert hasty.overdue("embed") == [chunk(0)]
    assert hasty.take(chunk(0), "w@test") == 1
    assert hasty.overdue("embed") == []


def test_nothing_is_sent_again_while_others_wait(hasty: Ledger, redis: Redis) -> None:
    """Work that nobody has begun goes before work that somebody has."""
    hasty.queued(chunk(0))
    hasty.take(chunk(0), "w@test")
    redis.lpush("embed", "a message")
    assert hasty.overdue("embed") == []
    redis.delete("embed")
    assert hasty.overdue("embed") == [chunk(0)]


def test_a_message_that_nobody_begins_is_sent_again(
    hasty: Ledger, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was lost on the way, as far as anybody can know once nothing waits; it gets the time of any other."""
    for number in (0, 1):
        hasty.queued(chunk(number))
    redis.lpush("embed", "a message")
    assert hasty.overdue("embed") == []
    redis.delete("embed")
    hasty.take(chunk(1), "w@test")
    done(hasty, chunk(1))
    monkeypatch.setattr(ledger_module, "SHORTEST_S", 60)
    assert hasty.overdue("embed") == []
    monkeypatch.setattr(ledger_module, "SHORTEST_S", 0)
    redis.delete("oshiwake:embed:took")
    assert hasty.overdue("embed") == [chunk(0)]
    done(hasty, chunk(0))
    assert hasty.overdue("embed") == []


def test_a_pass_or_a_part_that_nobody_begins_is_sent_again(hasty: Ledger) -> None:
    """One that was begun may take as long as it likes, and chunks are not counted with passes."""
    part = AssignMessage(run=RUN, number=1, part=0, parts=2)
    begun = ReduceMessage(run=RUN, number=2)
    for message in (REDUCE, part, begun):
        hasty.queued(message)
    hasty.take(begun, "r@test")
    assert sorted(map(str, hasty.overdue("reduce"))) == sorted(map(str, (part, REDUCE)))
    for message in (REDUCE, part):
        hasty.take(message, "r@test")
    assert hasty.overdue("reduce") == [] and hasty.overdue("embed") == []


def test_too_long_is_measured_by_what_chunks_take(hasty: Ledger, redis: Redis) -> None:
    """Twice the median of the last chunks: where all are slow, none is too slow."""
    redis.rpush("oshiwake:embed:took", *[100.0] * 3, *[0.0] * 2)
    hasty.queued(chunk(0))
    hasty.take(chunk(0), "w@test")
    assert hasty.overdue("embed") == []
    [member] = redis.zrange("oshiwake:embed:in-hand", 0, -1)
    assert isinstance(member, bytes)
    redis.zincrby("oshiwake:embed:in-hand", -201, member)
    assert hasty.overdue("embed") == [chunk(0)]
