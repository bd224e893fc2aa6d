"""The journal: planned before it happens, settled after, held by one, and not touched when a newer program wrote it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import DamagedStore, JournalBusy, NewerSchema, StoreError
from store.file_operation import Action, Image, Operation, Placement
from store.files import SCHEMA
from store.journal import Journal

IMAGE = Image(b"/archive/\xff.png", b"page \xfe.png")


@pytest.fixture
def output(quick_path: Path) -> Path:
    """An output folder yet to be made."""
    return quick_path / "out"


def database(output: Path) -> Path:
    """The journal's file."""
    return output / ".oshiwake" / "journal.sqlite"


def placing(target: bytes, action: Action = Action.COPY, image: Image = IMAGE) -> Operation:
    """The placing of an image."""
    return Operation(action, image, image.path, target, b"digest")


def test_what_is_planned_is_open_until_it_is_settled(output: Path) -> None:
    """Also for the process that opens the journal after the one that planned has died."""
    with Journal(output) as journal:
        planned = journal.plan("run", [placing(b"/out/\xff"), placing(b"/out/b")])
        assert [op.id for op in planned] == [1, 2]
        assert journal.placements(IMAGE) == []
    with Journal(output) as journal:
        assert journal.open_operations() == planned
        journal.settle(planned[:1], planned[1:])
        assert journal.open_operations() == []
    with Journal(output) as journal:
        assert journal.placements(IMAGE) == [Placement(b"/out/\xff", Action.COPY, b"digest")]
        assert journal.newest_operations("run", 10) == planned[:1]
        assert journal.placements(Image(IMAGE.path)) == []


def test_numbers_are_never_used_again(output: Path) -> None:
    """The unfinished files on disk are named by them."""
    with Journal(output) as journal:
        first = journal.plan("run", [placing(b"/out/a")])
        journal.settle([], first)
        (second,) = journal.plan("run", [placing(b"/out/a")])
    assert second.id > first[0].id


def test_settling_a_fallback_remembers_what_was_done(output: Path) -> None:
    """A hard link that became a copy is taken back as a copy."""
    with Journal(output) as journal:
        (op,) = journal.plan("run", [placing(b"/out/a", Action.HARDLINK)])
        done = placing(b"/out/a", Action.COPY)
        journal.settle([Operation(done.action, done.image, done.source, done.target, done.digest, id=op.id)])
        assert journal.newest_operations("run", 1)[0].action is Action.COPY
        assert journal.placements(IMAGE)[0].action is Action.COPY


def test_the_present_state_follows_the_log_forth_and_back(output: Path) -> None:
    """Placed, renamed, removed; then each step forgotten, the newest first."""
    rename = Operation(Action.RENAME, IMAGE, b"/out/a", b"/out/b", b"digest")
    remove = Operation(Action.REMOVE, IMAGE, IMAGE.path, b"/out/b", b"digest", placed=Action.COPY)
    states = [[], [b"/out/a"], [b"/out/b"], []]
    with Journal(output) as journal:

        def now() -> list[bytes]:
            return [placement.target for placement in journal.placements(IMAGE)]

        for op, expected in zip([placing(b"/out/a"), rename, remove], states[1:], strict=True):
            journal.settle(journal.plan("run", [op]))
            assert now() == expected
        for expected in reversed(states[:-1]):
            journal.forget(journal.newest_operations("run", 1))
            assert now() == expected
        assert journal.end_run("run")


def test_what_cannot_be_taken_back_is_ours_no_longer(output: Path) -> None:
    """An operation left as it is stands in the journal no more."""
    with Journal(output) as journal:
        journal.settle(journal.plan("run", [placing(b"/out/a")]))
        journal.forget([], journal.newest_operations("run", 1))
        assert journal.placements(IMAGE) == [] and journal.end_run("run")


def test_a_later_run_is_found_by_its_images(output: Path) -> None:
    """Only a run that changed the same image, later, stands in the way of an undo."""
    other = Image(b"/archive/other.png")
    with Journal(output) as journal:
        for run, image in (("one", IMAGE), ("two", other), ("three", IMAGE)):
            folder = Operation(Action.FOLDER, Image(b""), b"", b"/out/" + run.encode())
            journal.settle(journal.plan(run, [folder, placing(b"/out/" + run.encode() + b"/a", image=image)]))
        assert journal.later_run("one") == "three"
        assert journal.later_run("two") is None and journal.later_run("three") is None
        assert journal.runs() == ["one", "two", "three"]


def test_the_first_time_of_a_folder_is_kept(output: Path) -> None:
    """Each run knows the times from before its own first move; the deepest folder comes first."""
    with Journal(output) as journal:
        journal.plan("run", [], [(b"/a", 1), (b"/a/b", 2)])
        journal.plan("run", [], [(b"/a", 3)])
        journal.plan("later", [], [(b"/a", 3)])
        assert list(journal.folder_times("run")) == [(b"/a/b", 2), (b"/a", 1)]
        assert list(journal.folder_times("later")) == [(b"/a", 3)]
        journal.end_run("run")
        assert list(journal.folder_times("run")) == []


def test_notes_are_kept(output: Path) -> None:
    """Until they are taken away."""
    with Journal(output) as journal:
        journal.note("key", b"\x00value")
    with Journal(output) as journal:
        assert journal.meta("key") == b"\x00value"
        journal.note("key", None)
        assert journal.meta("key") is None


def test_only_one_process_holds_it(output: Path) -> None:
    """Who comes second is told so; and holds it when the first has let go."""
    with Journal(output):
        with pytest.raises(JournalBusy, match="another process"):
            Journal(output, wait_s=0.01)
        with pytest.raises(JournalBusy):
            Journal(output, wait_s=0.01)
    Journal(output, wait_s=0.01).close()


def test_it_knows_whether_it_made_the_output_folder(output: Path) -> None:
    """An undo takes only that away which was made; opening it again changes nothing about it."""
    for _ in range(2):
        with Journal(output) as journal:
            assert journal.meta("made_output") == 1
    (output.parent / "mine").mkdir()
    with Journal(output.parent / "mine") as journal:
        assert journal.meta("made_output") == 0


def test_a_newer_journal_is_not_touched(output: Path) -> None:
    """Not one byte of what a newer program wrote changes, and it is not held either."""
    Journal(output).close()
    with sqlite3.connect(database(output)) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (SCHEMA + 1,))
        db.execute("DROP TABLE folder_time")
    db.close()
    before = database(output).read_bytes()
    with pytest.raises(NewerSchema, match="upgrade") as caught:
        Journal(output)
    assert database(output).read_bytes() == before
    with pytest.raises(NewerSchema):  # not JournalBusy, although the first error still lives
        Journal(output, wait_s=0.01)
    assert caught.value


def test_what_is_no_journal_is_refused(output: Path) -> None:
    """A file of something else stays as it is."""
    Journal(output).close()
    database(output).write_bytes(b"something else" * 100)
    with pytest.raises(DamagedStore, match="journal"):
        Journal(output)
    assert database(output).read_bytes() == b"something else" * 100


def test_a_link_in_its_place_is_not_followed(output: Path) -> None:
    """Neither of the file nor of its folder."""
    Journal(output).close()
    database(output).rename(output.parent / "elsewhere.sqlite")
    database(output).symlink_to(output.parent / "elsewhere.sqlite")
    with pytest.raises(StoreError, match="symbolic link"):
        Journal(output)
    database(output).unlink()
    database(output).parent.rmdir()
    (output.parent / "folder").mkdir()
    database(output).parent.symlink_to(output.parent / "folder")
    with pytest.raises(StoreError, match="symbolic link"):
        Journal(output)
    assert list((output.parent / "folder").iterdir()) == []


@pytest.mark.parametrize("where", ["out", "out/.oshiwake"])
def test_a_file_in_the_folder_s_place(output: Path, where: str) -> None:
    """The output folder, or the journal's, is a file: one line that names it."""
    path = output.parent / where
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(StoreError, match="cannot write the output folder"):
        Journal(output)
    assert path.read_text() == "mine"


def open_files(path: Path) -> int:
    """How many descriptors of this process are a file's."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
    return count


def test_who_waits_while_it_is_taken_away_gets_a_new_one(output: Path) -> None:
    """An undo removes the journal while a reducer waits for it: what that one writes is not lost with the file."""
    holder = Journal(output)

    def write() -> None:
        with Journal(output, wait_s=30) as journal:
            journal.settle(journal.plan("next", [placing(b"/out/a")]))

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive() and open_files(database(output)) < 2:
        pass
    holder.remove()
    thread.join()
    with Journal(output) as journal:
        assert [placement.target for placement in journal.placements(IMAGE)] == [b"/out/a"]


def test_what_cannot_be_written_leaves_nothing(output: Path) -> None:
    """It is an error of the store, nothing of the plan stays, and the journal can be used on."""
    with Journal(output) as journal:
        wrong = Operation(Action.COPY, IMAGE, b"", b"/out/b", digest=None)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="journal"):
            journal.plan("run", [placing(b"/out/a"), wrong])
        assert journal.open_operations() == []
        journal.settle(journal.plan("run", [placing(b"/out/a")]))


class Interrupted(BaseException):
    """Not an Exception, as KeyboardInterrupt and SystemExit are none."""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Interrupted])
def test_a_transaction_that_meets_any_exception_is_rolled_back(output: Path, error: type[BaseException]) -> None:
    """In plan, settle, forget: what was written before it is gone, and the journal can be used on."""

    def operations(*first: Operation) -> Iterator[Operation]:
        yield from first
        raise error

    with Journal(output) as journal:
        kept, other = journal.plan("run", [placing(b"/out/a"), placing(b"/out/b")])
        with pytest.raises(error):
            journal.plan("run", operations(placing(b"/out/c")))  # type: ignore[arg-type]
        assert journal.open_operations() == [kept, other]
        with pytest.raises(error):
            journal.settle([kept], operations(other))
        assert journal.open_operations() == [kept, other] and journal.placements(IMAGE) == []
        journal.settle([kept, other])
        with pytest.raises(error):
            journal.forget([other], operations(kept))
        assert len(journal.placements(IMAGE)) == 2
    with Journal(output) as journal:
        assert [op.id for op in journal.newest_operations("run", 10)] == [other.id, kept.id]


def test_a_folder_is_handed_over_durably_or_not_at_all(output: Path) -> None:
    """A process that ends right afterwards has handed it over."""
    folder = Operation(Action.FOLDER, Image(b""), b"", b"/out/A")
    with Journal(output) as journal:
        journal.settle(journal.plan("one", [folder]))
        journal.settle(journal.plan("two", [placing(b"/out/A/a")]))
        statements: list[str] = []
        (made,) = journal.newest_operations("one", 1)
        journal._db.set_trace_callback(statements.append)
        assert journal.hand_over(made)
        assert statements[0].startswith("BEGIN") and statements[-1] == "COMMIT"
    with Journal(output) as journal:
        assert [op.target for op in journal.newest_operations("two", 10)] == [b"/out/A/a", b"/out/A"]
