"""The journal of an output in object storage, on a real S3 server over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from store import journal_log
from store.errors import DamagedStore, JournalBusy, StoreError
from store.file_operation import Action, Image, Operation
from store.journal import Journal, journal_exists
from store.location import Location, ObjectPath, lease, location
from tests.objects import ObjectServer


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that died is noticed at once."""
    monkeypatch.setattr(lease, "RENEW_S", 0.1)
    monkeypatch.setattr(lease, "HELD_S", 1.0)
    monkeypatch.setattr(lease, "LEFT_BEHIND_S", 1.5)
    monkeypatch.setattr(lease, "POLL_S", 0.05)


@pytest.fixture
def output(objects: ObjectServer) -> Iterator[Location]:
    """A prefix of one's own."""
    yield location(f"s3://art/{uuid4()}/sorted")


def copies(output: Location, *names: str) -> list[Operation]:
    """Operations that place pictures."""
    return [
        Operation(
            Action.COPY,
            Image(b"/archive/" + name.encode()),
            b"/archive/" + name.encode(),
            bytes(output / name),
            b"d" * 32,
        )
        for name in names
    ]


def pieces(output: Location) -> list[str]:
    """The names of the journal's objects."""
    return sorted(path.name for path in (output / ".oshiwake" / "journal").iterdir())


def die(journal: Journal) -> None:
    """What a process leaves behind that is killed: the lease is neither renewed nor given back."""
    log = journal._file
    assert isinstance(log, journal_log.JournalLog)
    log._lease._ended.set()
    log._lease._thread.join()
    log.db.close()
    log._scratch.remove()


def test_what_was_written_is_there_for_the_next(output: Location) -> None:
    """Planned, settled, noted: the next holder finds all of it; what is undone is gone."""
    assert not journal_exists(output)
    with Journal(output) as journal:
        planned = journal.plan("20261123-0001", copies(output, "a", "b", "c"))
        journal.settle(planned[:1], planned[1:2])
        journal.note("word", b"value")
    assert journal_exists(output)
    with Journal(output) as journal:
        assert journal.meta("word") == b"value"
        assert [op.target for op in journal.open_operations()] == [bytes(output / "c")]
        assert [found.target for found in journal.placements(Image(b"/archive/a"))] == [bytes(output / "a")]
        journal.remove()
    assert not journal_exists(output)
    assert not list((output / ".oshiwake").iterdir()), "the lease too"


def test_each_transaction_is_in_the_bucket_when_it_is_done(output: Location) -> None:
    """A process that dies right after one loses nothing of it."""
    journal = Journal(output)
    planned = journal.plan("20261123-0001", copies(output, *map(str, range(300))))
    die(journal)
    with Journal(output) as after:
        assert after.open_operations() == planned
        after.settle(planned)
    with Journal(output) as after:
        assert after.open_operations() == []
        assert len(after.newest_operations("20261123-0001", 1000)) == 300


def test_a_journal_that_has_grown_is_written_down_whole(output: Location) -> None:
    """Old pieces go; what they said stays; and one left over by a death in between does no harm."""
    with Journal(output) as journal:
        for n in range(5):
            journal.settle(journal.plan("20261123-0001", copies(output, f"{n}")))
    (last,) = pieces(output)
    assert int(last) > 5
    (output / ".oshiwake" / "journal" / "00000003").write_bytes(b"left over")
    with Journal(output) as journal:
        assert len(journal.newest_operations("20261123-0001", 10)) == 5
        assert "00000003" not in pieces(output)


def test_one_holder_at_a_time(output: Location) -> None:
    """A second one waits, and is told to wait; it goes on when the first one is done."""
    with Journal(output), pytest.raises(JournalBusy, match="wait for it to finish"):
        Journal(output, wait_s=0.3)
    first = Journal(output)
    waited: list[Journal] = []

    def wait() -> None:
        with Journal(output, wait_s=30) as second:
            second.note("word", 1)
            waited.append(second)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    assert not waited
    first.close()
    thread.join()
    assert waited


@pytest.mark.parametrize("quick", [False, True])
def test_a_holder_that_has_lost_the_journal_writes_nothing(
    output: Location, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    """It was taken for dead and comes back: neither a transaction nor an operation of it goes through.

    Also when the other one writes between its look and its own writing: the server refuses it.
    """
    sleeper = Journal(output)
    asleep = sleeper._file
    assert isinstance(asleep, journal_log.JournalLog)
    asleep._lease._ended.set()
    with Journal(output) as journal:
        planned = journal.plan("20261123-0002", copies(output, "b"))
        monkeypatch.setattr(lease, "AWAY_S", 0.1)
        time.sleep(1.1)
        with pytest.raises(StoreError):
            sleeper.check()
        if quick:
            monkeypatch.setattr(ObjectPath, "stat", lambda path: None)
        with pytest.raises(JournalBusy):
            sleeper.plan("20261123-0001", copies(output, "a"))
        journal.settle(planned)
    sleeper.close()
    with Journal(output) as journal:
        assert journal.runs() == ["20261123-0002"]


def test_the_lease_is_told_from_another(output: Location) -> None:
    """Whose lease was taken over knows it when it renews."""
    holder = Journal(output)
    (output / ".oshiwake" / "lock").write_bytes(b"somebody else 1")
    time.sleep(0.5)
    with pytest.raises(JournalBusy):
        holder.check()
    holder.close()
    assert (output / ".oshiwake" / "lock").exists(), "not ours to take away"


def test_a_piece_whose_answer_was_lost_is_not_taken_for_another_holders(
    output: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has it, the client sends it again."""

    write = ObjectPath.write

    def twice(path: ObjectPath, content: bytes, *, new: bool) -> None:
        write(path, content, new=new)
        write(path, content, new=new)

    with Journal(output) as journal, monkeypatch.context() as lossy:
        lossy.setattr(ObjectPath, "write", twice)
        journal.note("word", 1)
        journal.note("word", 2)
    with Journal(output) as journal:
        assert journal.meta("word") == 2


def test_missing_pieces_are_noticed(output: Location) -> None:
    """A journal with a hole is none."""
    journal = Journal(output)
    journal.note("word", 1)
    journal.note("word", 2)
    die(journal)
    (output / ".oshiwake" / "journal" / pieces(output)[2]).unlink()
    with pytest.raises(DamagedStore, match="missing"):
        Journal(output)


def test_a_storage_that_does_not_answer_is_told(output: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line; and nothing was made."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    with pytest.raises(StoreError, match="cannot write the output"):
        Journal(output)
    S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_meets_any_exception_is_not_in_the_bucket(
    output: Location, error: type[BaseException]
) -> None:
    """However much of it the log on this machine holds; and this journal writes nothing more after it."""

    def many() -> Iterator[Operation]:
        yield from copies(output, *(f"{n:0200d}.png" for n in range(20000)))  # more than SQLite keeps in memory
        raise error

    with Journal(output) as journal:
        (kept,) = journal.plan("run", copies(output, "a"))
        with pytest.raises(error):
            journal.plan("run", many())  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            journal.plan("run", copies(output, "b"))
    with Journal(output) as journal:
        assert journal.open_operations() == [kept]
        journal.settle(journal.plan("run", copies(output, "c")))
    with Journal(output) as journal:
        assert [op.target for op in journal.newest_operations("run", 10)] == [
            bytes(output / name) for name in ("c", "a")
        ]
