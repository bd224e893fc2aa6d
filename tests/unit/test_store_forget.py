"""A run is deleted from the store, and what other runs need of it stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import DamagedStore, LockHeld, RunNotFound
from store.forget import Forgotten, delete_forgotten, forget_run
from store.listing import CacheHit, Kind, Listed
from store.mode import Mode
from store.outcomes import Outcomes
from store.part import PartSpec, ScanTotals
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.shard import Read
from store.store import Store
from tests.objects import ObjectServer
from tests.unit.parts import KEY, add_shard, vector

PASS = PassSpec(references="/refs", characters=["a"], threshold=0.3, mode=Mode.COPY)
CHUNKS = 3

Reference = tuple[Run, int] | None


def new_run(store: Store, tmp_path: Path, references: list[Reference], weights: str = "digest") -> Run:
    """A run that was embedded: a file and a shard of its own in each chunk, and a file that an earlier run has read."""
    run = store.create_run(RunSpec("/archive", str(tmp_path / "out"), 1.0, weights, "v1-pad-32", 4, "private"))
    network = tmp_path / "network"
    network.write_bytes(b"weights")
    store.keep_weights(network, weights)
    for part in (run.archive, run.pass_(1).references):
        part.begin(PartSpec("/archive", KEY))
    run.pass_(1).begin(PASS)
    for chunk, known in enumerate(references):
        rows = [Listed(b"%d.png" % chunk, 1, 1)]
        if known is not None:
            rows.append(Listed(b"%d.x" % chunk, 1, 1, known=CacheHit(known[0].archive.name, known[1], 0)))
        run.archive.add_listings(chunk, [rows])
        add_shard(run.archive, chunk, [Read(0, Kind.EMBEDDED, bytes(32), vector(chunk))])
    run.archive.finish_scan(ScanTotals(len(references), 1, 0, len(references), 1))
    (run.logs / "worker.log").write_text("done")
    return run


def tree(store: Store) -> dict[str, int]:
    """Every file and folder of a store; a file with its size."""
    root = Path(str(store.root))
    return {
        str(path.relative_to(root)): path.stat().st_size if path.is_file() else -1 for path in sorted(root.rglob("*"))
    }


def known(store: Store, run: Run) -> list[object]:
    """All that is known of a run's files."""
    return [(chunk.table.to_pylist(), chunk.embeddings.tolist()) for chunk in Outcomes(store).chunks(run.archive)]


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_whatever_is_forgotten_every_other_run_keeps_what_it_needs(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Runs that refer to shards of any earlier run, forgotten in any order; in the end nothing is left."""
    folder = tmp_path_factory.mktemp("store")
    store = Store(folder / "store")
    runs: list[Run] = []
    for _ in range(data.draw(st.integers(1, 4))):
        earlier: st.SearchStrategy[Reference] = st.none()
        if runs:
            earlier |= st.tuples(st.sampled_from(runs), st.integers(0, CHUNKS - 1))
        runs.append(new_run(store, folder, data.draw(st.lists(earlier, min_size=CHUNKS, max_size=CHUNKS))))
    truth = {run.id: known(store, run) for run in runs}
    left = list(runs)
    for run in data.draw(st.permutations(runs)):
        forget_run(store, run)
        left.remove(run)
        assert {one.id for one in store.newest_first()} == {one.id for one in left}
        assert {one.id: known(store, one) for one in left} == {one.id: truth[one.id] for one in left}
    assert set(tree(store)) == {"store.json", "runs", "weights"}


def test_only_the_shards_that_are_needed_stay(tmp_path: Path) -> None:
    """One of three, without listings, logs and weights; it is part of what was counted."""
    store = Store(tmp_path / "store")
    old = new_run(store, tmp_path, [None] * CHUNKS, weights="old")
    new_run(store, tmp_path, [(old, 1)])
    size = old.size_bytes
    shard = len(old.archive.shard_path(1).read_bytes())
    weights = len(b"weights")
    result = forget_run(store, old)
    assert result == Forgotten(freed_bytes=size - shard + weights, kept_bytes=shard)
    files = [path for path, size in tree(store).items() if old.id in path and size >= 0]
    assert files == [f"runs/{old.id}/archive/shards/000001.parquet", f"runs/{old.id}/forgotten.json"]
    assert [path for path in tree(store) if path.startswith("weights/")] == ["weights/digest.safetensors"]


def test_what_an_undo_needs_stays_until_the_run_is_undone(tmp_path: Path) -> None:
    """It is found for an undo alone; afterwards it goes."""
    store = Store(tmp_path / "store")
    run = new_run(store, tmp_path, [None])
    run.note_journal("ab12")
    run.last_pass.finish({})
    spec = run.spec
    forget_run(store, run)
    with pytest.raises(RunNotFound, match=f"was forgotten; `producer undo {run.id}`"):
        store.run(run.id)
    assert run.over(1) == "forgotten"
    found = store.run(run.id, forgotten=True)
    assert (found.spec, found.passes, found.journal) == (spec, [1], "ab12")
    assert not found.archive.exists
    found.mark("undone")
    delete_forgotten(store)
    assert run.id not in str(tree(store))


def test_a_run_that_is_being_listed_may_need_what_is_to_go(tmp_path: Path) -> None:
    """Nothing is deleted, nor marked, while any run is listed."""
    store = Store(tmp_path / "store")
    old, new = (new_run(store, tmp_path, [None]) for _ in range(2))
    before = tree(store)
    with new.listing_lock(), pytest.raises(LockHeld, match=f"run {new.id} is being listed by process"):
        forget_run(store, old)
    assert {path for path in tree(store) if "listing.lock" not in path} == set(before)
    assert not old.marked("forgotten")


@pytest.mark.parametrize("file", ["run.json", "passes/1/pass.json", "archive/listing/000000.parquet"])
def test_a_damaged_run_can_be_forgotten(tmp_path: Path, file: str) -> None:
    """Whichever file is damaged; the damage is not reported any more."""
    store = Store(tmp_path / "store")
    run, other = (new_run(store, tmp_path, [None]) for _ in range(2))
    (run.folder / file).write_bytes(b"damaged")
    forget_run(store, store.run_folder(run.id))
    assert store.damaged() == []
    assert run.id not in str(tree(store)) and known(store, other)


def test_what_a_damaged_listing_needs_is_not_guessed(tmp_path: Path) -> None:
    """No shard goes until the damaged run is forgotten too; the run is forgotten at once, without a word of damage."""
    store = Store(tmp_path / "store")
    old = new_run(store, tmp_path, [None])
    damaged = new_run(store, tmp_path, [(old, 0)])
    (damaged.folder / "archive" / "listing" / "000000.parquet").write_bytes(b"damaged")
    with pytest.raises(DamagedStore, match="forget it too"):
        forget_run(store, old)
    assert old.archive.shard_path(0).exists()
    assert [run.id for run in store.newest_first()] == [damaged.id] and store.damaged() == []
    forget_run(store, damaged)
    assert set(tree(store)) == {"store.json", "runs", "weights"}


_DIES = """
import os, signal, sys
from pathlib import Path
from store.forget import forget_run
from store.store import Store

point = int(sys.argv[2])
for name in ("unlink", "rmdir", "replace"):
    def call(*args, function=getattr(os, name), **options):
        global point
        if point == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        point -= 1
        return function(*args, **options)
    setattr(os, name, call)
"""
_FORGETS = """
import os, sys
from store.forget import forget_run
from store.store import Store
import store.listing, pyarrow.parquet
dies, run, folders = sys.argv[1], sys.argv[2], sys.argv[3:]
for number, folder in enumerate(folders):
    child = os.fork()
    if child == 0:
        sys.argv[2] = str(number)
        exec(dies)
        store = Store(folder)
        forget_run(store, store.run_folder(run))
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""


def test_a_forget_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    """Killed before each change that it makes: others are unharmed, no damage is reported, the next ends the same."""
    origin = Store(tmp_path / "origin")
    old = new_run(origin, tmp_path, [None] * CHUNKS)
    new = new_run(origin, tmp_path, [(old, 1)])
    truth = known(origin, new)
    whole = Store(tmp_path / "whole")
    shutil.copytree(tmp_path / "origin", tmp_path / "whole")
    forget_run(whole, whole.run(old.id))
    stores = [tmp_path / f"{number}" for number in range(40)]
    for folder in stores:
        shutil.copytree(tmp_path / "origin", folder)
    done = subprocess.run(
        [sys.executable, "-c", _FORGETS, _DIES, old.id, *stores],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    killed = [line == "9" for line in done.stdout.split()]
    assert killed[0] and not killed[-1] and set(done.stdout.split()) == {"9", "0"}
    for number, folder in enumerate(stores):
        store = Store(folder)
        assert number == 0 or [run.id for run in store.newest_first()] == [new.id]
        assert store.damaged() == [] and known(store, new) == truth
        forget_run(store, Run(store.runs, old.id))
        assert tree(store) == tree(whole), number


def test_a_run_in_object_storage_is_forgotten(
    objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same objects go as would files; the logs on this machine too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = Store("s3://art/forget")
    old = new_run(store, tmp_path, [None] * CHUNKS)
    new = new_run(store, tmp_path, [(old, 1)])
    truth = known(store, new)
    found = [objects.files.size(path) for path in objects.files.find(f"art/forget/runs/{old.id}")]
    assert old.size_bytes == sum(found) + len("done")
    forget_run(store, old)
    assert known(store, new) == truth and [run.id for run in store.newest_first()] == [new.id]
    assert [
        path.removeprefix(f"art/forget/runs/{old.id}/") for path in objects.files.find("art/forget") if old.id in path
    ] == [
        "archive/shards/000001.parquet",
        "forgotten.json",
    ]
    assert not old.logs_path.exists() and new.logs_path.exists()
    forget_run(store, new)
    assert objects.files.find("art/forget") == ["art/forget/store.json"]
