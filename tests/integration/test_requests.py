"""What a store in object storage is asked for: little, and rarely. Counted by the server itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from producer.status import RunState, StatusReader
from store.counts import Counts
from store.mode import Mode
from store.part import ScanTotals
from store.run import Run
from tasks.messages import EmbedMessage
from tasks.queue_client import Queue
from tasks.settings import Settings
from tasks.worker_counters import Work
from tests.objects import ObjectServer
from tests.unit.parts import SUMMARY
from tests.unit.sites import Site
from tests.unit.sorting import SPEC, Sorting, at

STORE = "s3://art/requests/store"
CHUNKS = 9


@pytest.fixture
def sorting(tmp_path: Path, objects: ObjectServer, small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Sorting:
    """A run in object storage, read and not reduced yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # where its weights are fetched to
    site, pictures = Site(tmp_path), {f"{n:02d}.png": at(a=0.1) if n % 2 else at(s=0.2) for n in range(3 * CHUNKS)}
    for name in pictures:
        site.add(name)
    made = Sorting(site, pictures, replace(SPEC, mode=Mode.COPY), kept_in=STORE)
    made.store.keep_weights(small_weights, made.run.spec.weights_digest)
    made.run.archive.finish_scan(ScanTotals(len(pictures), len(pictures), 0, CHUNKS, CHUNKS))
    made.run.last_pass.references.finish_scan(ScanTotals(3, 3, 0, 1, 1))
    return made


@contextmanager
def counted(objects: ObjectServer) -> Iterator[Counter[str]]:
    """How often the block asked for what; known when it ends."""
    before, found = len(objects.requests()), Counter[str]()
    yield found
    found.update(objects.requests()[before:])


def references(run: Run, number: int) -> EmbedMessage:
    """The message about a pass' references."""
    return EmbedMessage(run=run.id, number=number, part=f"passes/{number}/references", chunk=0)


def embedded(queue: Queue, run: Run, number: int = 1) -> None:
    """What Redis knows of a pass whose chunks are all read."""
    queue.ledger.begin(run.id, number)
    messages = [EmbedMessage(run=run.id, number=number, part="archive", chunk=chunk) for chunk in range(CHUNKS)]
    queue.ledger.expect(run.id, number, [message.what for message in [*messages, references(run, number)]])
    for message in messages:
        queue.ledger.done(message, Work("w@test"), Counts(3, 3, 0, 0))


def test_watching_asks_once_in_a_while_and_for_one_thing(
    sorting: Sorting, objects: ObjectServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks at the store nothing, at each one request; and what changes there is seen all the same."""
    run, queue = sorting.run, Queue(settings)
    embedded(queue, run)
    reader = StatusReader(run, queue)
    assert reader.read().state is RunState.EMBEDDING
    monkeypatch.setattr("store.location.object_storage.ObjectStorage.poll_s", 1e9)
    with counted(objects) as found:
        assert {reader.read().embedded for _ in range(20)} == {3 * CHUNKS}
    assert not found
    monkeypatch.setattr("store.location.object_storage.ObjectStorage.poll_s", 1e-9)
    with counted(objects) as found:
        for _ in range(20):
            reader.read()
    assert found.total() == 20, found
    run.mark("cancelled")
    assert reader.read().state is RunState.CANCELLED
    run.mark("cancelled", on=False)
    run.pass_(2).references.begin(run.last_pass.references.spec)
    run.pass_(2).begin(SPEC)
    embedded(queue, run, 2)
    queue.ledger.done(references(run, 2), Work("w@test"), Counts(3, 3, 0, 0))
    assert reader.read().state is RunState.REDUCING
    run.pass_(2).finish(SUMMARY)
    assert reader.read().state is RunState.DONE


def test_a_reduction_fetches_everything_once(sorting: Sorting, objects: ObjectServer) -> None:
    """Each shard and each listing, though it goes through the digests before it assigns, and counts at the end."""
    with counted(objects) as found:
        sorting.reduce()
    fetched = {what: count for what, count in found.items() if what.startswith("GET") and what.endswith(".parquet")}
    assert len(fetched) == 2 * (CHUNKS + 1), "listings and shards of the archive and the references"
    assert set(fetched.values()) == {1}
    assert len(sorting.site.placed()) == 3 * CHUNKS + 1
