"""A store below a prefix in object storage: what a folder promises, kept by objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from store.errors import DamagedStore, RunNotFound
from store.files import new_file, read_json, write_json
from store.listing import Kind, Listed
from store.location import ObjectPath, location, storage_of
from store.mode import Mode
from store.part import PartSpec, ScanTotals
from store.run import RunSpec
from store.run_pass import PassSpec
from store.shard import Counts, Read, read_shard
from store.store import Store
from tests.objects import ObjectServer
from tests.unit.parts import DIMENSION, KEY, add_shard, vector

SPEC = RunSpec("s3://art/x", "/out", 1_700_000_000.0, "digest", "v1-pad-32", DIMENSION, "shared")
PASS = PassSpec(references="s3://art/refs", characters=["A"], threshold=0.3, mode=Mode.COPY)


def test_a_place_is_a_folder_or_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person writes it."""
    monkeypatch.chdir(tmp_path)
    assert location("a/b") == location(Path("a/b")) == tmp_path / "a" / "b"
    assert isinstance(location("s3://art/store/"), ObjectPath)
    assert str(location("s3://art/store/")) == str(location(location("s3://art/store"))) == "s3://art/store"


def test_an_object_appears_whole_or_not_at_all(objects: ObjectServer) -> None:
    """What is written when something goes wrong is not there."""
    path = location("s3://art/whole/x.json")
    with pytest.raises(ZeroDivisionError), new_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert not path.exists() and not path.parent.exists()
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1} and path.exists() and path.parent.exists()
    assert not location("s3://art/whol").exists() and not location("s3://art/whole/x").exists()
    with pytest.raises(DamagedStore):
        read_json(path.parent / "none.json")
    storage_of(path).clean_up(path.parent)
    storage_of(path).remove_folder(path.parent)
    assert not path.exists()
    path.unlink(missing_ok=True)


def test_a_run_lives_in_object_storage(objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made, listed, embedded, marked, found again; nobody else gets its id."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = Store("s3://art/store")
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(store.create_run, [SPEC] * 4))
    assert len({run.id for run in runs}) == 4
    run = runs[0]
    with pytest.raises(RunNotFound):  # half made: it has no pass
        store.run(run.id)
    run.archive.begin(PartSpec("s3://art/x", KEY))
    run.pass_(1).begin(PASS)
    run.archive.add_listings(0, [[Listed(b"%d.png" % n, 1, 1)] for n in range(9)])
    run.archive.finish_scan(ScanTotals(9, 9, 0, 9, 9))
    add_shard(run.archive, 0, [Read(0, Kind.EMBEDDED, bytes(32), vector(1))])

    again = Store("s3://art/store").latest()
    assert (again.id, again.spec, again.passes, again.last_pass.spec) == (run.id, SPEC, [1], PASS)
    assert again.archive.listed_chunks() == list(range(9)) and again.archive.shard_chunks() == [0]
    assert again.archive.listing(8) == [Listed(b"8.png", 1, 1)]
    assert list(again.archive.unread_chunks()) == list(range(1, 9))
    assert again.archive.counts() == Counts(1, 1)
    assert read_shard(again.archive.shard_path(0)).embeddings.shape == (1, DIMENSION)
    assert [part.name for part in store.parts_of("s3://art/x", KEY)] == [again.archive.name]
    again.mark("undone")
    assert run.marked("undone")
    again.mark("undone", on=False)
    assert not run.marked("undone")
    assert run.logs.is_dir() and run.logs.is_relative_to(tmp_path)


def test_weights_are_fetched_once(objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every machine keeps a copy in its user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "w").write_bytes(b"weights")
    store = Store("s3://art/weights-store")
    store.keep_weights(tmp_path / "w", "abc")
    fetched = store.weights_path("abc")
    assert fetched.read_bytes() == b"weights" and fetched.is_relative_to(tmp_path / "data")
    (location("s3://art/weights-store") / "weights" / "abc.safetensors").unlink()
    assert store.weights_path("abc") == fetched


def test_damaged_runs_are_named(objects: ObjectServer) -> None:
    """Several, in the order of their ids."""
    store = Store("s3://art/damaged-store")
    names = ["20991231-2358", "20991231-2359"]
    for name in names:
        (store.runs / name / "run.json").write_bytes(b"{")
    assert [line.partition(": ")[0] for line in store.damaged()] == [f"{store.runs}/{name}/run.json" for name in names]
