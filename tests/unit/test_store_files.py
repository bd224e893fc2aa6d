"""Atomic writes, and the files of a run: what is read is what was written, or an error that names the file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.assignments import VIEW, Assignments, FinalOutcome, write_all
from store.durability import sync_folders
from store.errors import DamagedStore, NewerSchema, RunNotFound, StoreError
from store.files import SCHEMA, new_file, read_json, write_json
from store.location import storage_of
from store.mode import Mode
from store.run import Run, RunSpec
from store.run_id import valid_run_id
from store.run_pass import PassSpec
from store.store import Store
from tests.unit.parts import SUMMARY
from tests.unit.rows import Assigned, assignments, read_assignments, write_assignments
from tests.unit.trees import put, unfinished

SPEC = RunSpec("/archive", "/out", 1_700_000_000.5, "digest", "v1-pad-32", 16, "private")
PASS = PassSpec(references="/references", characters=["Akari", "桜"], threshold=0.3, mode=Mode.HARDLINK)


def begun(run: Run) -> Run:
    """The run, made to the end."""
    run.pass_(1).begin(PASS)
    return run


def test_a_new_file_appears_whole(tmp_path: Path) -> None:
    """Until the block has ended the old file stands; then the new one."""
    path = put(tmp_path / "a", b"old")
    with new_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and not unfinished(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """And no temporary one."""
    path = put(tmp_path / "a", b"old")
    with pytest.raises(ZeroDivisionError), new_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and not unfinished(tmp_path)


def _write_number(temporary: Path, number: int) -> None:
    temporary.write_text(str(number))


@pytest.mark.parametrize("dies_at", range(5))
def test_of_several_files_the_first_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int) -> None:
    """Wherever it ends between them there is no gap, and nothing unfinished."""
    paths = [tmp_path / str(n) for n in range(5)]
    replace = os.replace

    def dies(source: Path, target: Path) -> None:
        if target == paths[dies_at]:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        storage_of(tmp_path).new_files(paths, _write_number)
    monkeypatch.undo()
    assert [path.name for path in sorted(tmp_path.iterdir())] == [str(n) for n in range(dies_at)]
    storage_of(tmp_path).new_files(paths, _write_number)
    assert [path.read_text() for path in paths] == [str(n) for n in range(5)] and not unfinished(tmp_path)


def test_where_one_of_several_files_cannot_be_written_none_appears(tmp_path: Path) -> None:
    """What the disk refuses is told."""

    def write(temporary: Path, number: int) -> None:
        temporary.write_text("whole")
        if number == 1:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        storage_of(tmp_path).new_files([tmp_path / str(n) for n in range(3)], write)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folders", [0, 3, 40])
def test_every_folder_is_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: int) -> None:
    """A few one by one; many by one call where the system has it, and else one by one too."""
    made = [tmp_path / str(n) for n in range(folders)]
    for folder in made:
        folder.mkdir()
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sync_folders(made)
    assert len(synced) == (folders if folders < 16 or sys.platform != "linux" else 0)
    synced.clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    sync_folders(made)
    assert len(synced) == folders


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too


@given(st.dictionaries(TEXTS.filter(lambda key: key != "schema"), TEXTS | st.integers() | st.none() | st.lists(TEXTS)))
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    """Whatever text file names hold, also bytes that are no UTF-8."""
    path = tmp_path_factory.getbasetemp() / "json" / "value.json"
    write_json(path, value)
    assert read_json(path) == value


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"schema": "1"}', b"\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    """What is no file of this program is no reason for another error."""
    path = put(tmp_path / "run.json", content)
    with pytest.raises(DamagedStore, match=r"run\.json"):
        read_json(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """As a damaged one."""
    with pytest.raises(DamagedStore, match=r"run\.json"):
        read_json(tmp_path / "run.json")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """With a line that says what to do; for the store as a whole too."""
    put(tmp_path / "store.json", json.dumps({"schema": SCHEMA + 1}).encode())
    with pytest.raises(NewerSchema, match="upgrade"):
        Store(tmp_path)


FLOATS = st.none() | st.floats(0, 2, width=32)
NAMES = st.none() | st.text(max_size=4)
BOXES = st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4) | st.just([None] * 4)
VIEWS = st.tuples(BOXES, NAMES, FLOATS, NAMES, FLOATS).map(
    lambda of: dict(zip(VIEW.names, [*of[0], *of[1:]], strict=True))
)
ROWS = st.builds(
    Assigned,
    path=st.text(max_size=8),
    outcome=st.sampled_from(FinalOutcome),
    characters=st.lists(st.text(max_size=4), max_size=3).map(tuple),
    nearest=st.none() | st.text(max_size=4),
    distance=FLOATS,
    runner_up=st.none() | st.text(max_size=4),
    runner_up_distance=FLOATS,
    digest=st.none() | st.just("ab" * 32),
    reason=st.text(max_size=8),
    placed=st.lists(st.text(max_size=4), max_size=3).map(tuple),
    characters_found=st.lists(st.text(max_size=4), max_size=3).map(tuple),
    views=st.lists(VIEWS, max_size=3).map(tuple),
)


@given(st.lists(ROWS, max_size=5))
def test_assignments_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Assigned]) -> None:
    """Every field of every row, in order."""
    path = tmp_path_factory.getbasetemp() / "assignments" / "000000.parquet"
    write_assignments(path, assignments(rows))
    assert read_assignments(path) == rows


@given(st.lists(st.lists(ROWS, max_size=3), min_size=1, max_size=4))
def test_chunks_joined_and_taken_apart_come_back(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[list[Assigned]]
) -> None:
    """Each in a file of its own, as if it had never been with the others."""
    paths = [tmp_path_factory.getbasetemp() / "apart" / f"{number:06d}.parquet" for number in range(len(chunks))]
    joined = Assignments.joined([assignments(rows) for rows in chunks])
    write_all(paths, joined.apart([len(rows) for rows in chunks]))
    assert [read_assignments(path) for path in paths] == chunks


def test_runs_of_two_stores_have_ids_of_their_own(tmp_path: Path) -> None:
    """Begun in the same instant, too: the journal of an output folder that both use knows them by their ids."""
    runs = [Store(tmp_path / name).create_run(SPEC) for name in "abcdefgh"]
    assert len({run.id for run in runs}) == len(runs)


def test_runs_of_one_minute_have_ids_of_their_own(tmp_path: Path) -> None:
    """And are found again, the newest first."""
    store = Store(tmp_path / "store")
    runs = [begun(store.create_run(SPEC)) for _ in range(3)]
    assert len({run.id for run in runs}) == 3 and all(valid_run_id(run.id) for run in runs)
    assert [run.spec for run in runs] == [SPEC] * 3
    assert store.run(runs[1].id).folder == runs[1].folder
    assert {run.id for run in store.newest_first()} == {run.id for run in runs}


def test_the_newest_run_is_the_one_made_last(tmp_path: Path) -> None:
    """By the time in it, not by its name; half-made and damaged ones are passed over."""
    store = Store(tmp_path / "store")
    with pytest.raises(RunNotFound, match="no run yet"):
        store.latest()
    late = begun(store.create_run(RunSpec(**{**SPEC.__dict__, "created_s": 1_800_000_000.0})))
    begun(store.create_run(SPEC))
    store.create_run(RunSpec(**{**SPEC.__dict__, "created_s": 1_900_000_000.0}))  # died before its first pass
    runs = tmp_path / "store" / "runs"
    put(runs / "20991231-2359" / "run.json", b"{")
    (store.runs / "20991231-2358").mkdir()
    assert store.latest().id == late.id
    assert [line.partition(": ")[0] for line in store.damaged()] == [str(store.runs / "20991231-2359" / "run.json")]


def test_a_store_with_nothing_but_damage_says_so(tmp_path: Path) -> None:
    """Not that there is no run: the line names the file, also where it is JSON of another form."""
    store = Store(tmp_path / "store")
    runs = tmp_path / "store" / "runs"
    for content in (b"{", b'{"schema": 1, "archive": "/a"}'):
        put(runs / "20991231-2359" / "run.json", content)
        put(runs / "20991231-2359" / "passes" / "1" / "pass.json", b"{}")
        with pytest.raises(DamagedStore, match=r"20991231-2359/run\.json"):
            store.latest()


NO_RUNS = ["", "..", "../x", "20261123-0412/..", "20261123-0412-", "20261123-0412-K7M2P", "20261123-0412-a-2"]


@pytest.mark.parametrize("name", [*NO_RUNS, "2026-1123", "２０２６1123-0412"])
def test_what_is_no_run_id_leads_nowhere(tmp_path: Path, name: str) -> None:
    """A name from outside never becomes a path out of the store."""
    with pytest.raises(RunNotFound):
        Run(tmp_path, name)


def test_passes_are_counted_by_number(tmp_path: Path) -> None:
    """The tenth comes after the ninth; a finished one keeps its summary until it is opened again."""
    run = Store(tmp_path / "store").create_run(SPEC)
    for number in (1, 2, 10):
        run.pass_(number).begin(PASS)
    assert run.passes == [1, 2, 10] and run.last_pass.number == 10
    assert run.last_pass.spec == PASS and run.last_pass.summary is None
    run.last_pass.finish(SUMMARY)
    assert run.last_pass.summary == SUMMARY
    run.last_pass.reopen()
    assert run.last_pass.summary is None


def test_marks_are_set_and_taken_away(tmp_path: Path) -> None:
    """Twice does no harm."""
    run = Store(tmp_path / "store").create_run(SPEC)
    for on in (True, True, False, False):
        run.mark("cancelled", on)
        assert run.marked("cancelled") is on and not run.marked("undone")


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line, no traceback of the system's."""
    put(tmp_path / "store", b"a file")
    with pytest.raises(StoreError, match="cannot write the store"):
        Store(tmp_path / "store").create_run(SPEC)


def test_weights_are_kept_once(tmp_path: Path) -> None:
    """Under their digest; a second copy is not made."""
    store = Store(tmp_path / "store")
    weights = put(tmp_path / "w.safetensors", b"numbers")
    store.keep_weights(weights, "abc")
    weights.write_bytes(b"others")
    store.keep_weights(weights, "abc")
    assert store.weights_path("abc").read_bytes() == b"numbers"
