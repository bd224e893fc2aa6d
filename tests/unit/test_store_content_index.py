"""What any run has embedded is found again by digest or identity, whatever became of the runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.content_index import ContentIndex, index_files
from store.file_identity import identity_of_file, identity_of_member, identity_of_object
from store.forget import forget_run
from store.incremental import UnchangedFiles
from store.index_update import update_index
from store.known_embeddings import KnownEmbeddings
from store.listing import CacheHit, Kind, Listed
from store.mode import Mode
from store.part import PartSpec
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.shard import Read
from store.store import Store
from tests.objects import ObjectServer
from tests.unit.parts import KEY, add_shard, vector
from tests.unit.trees import sha

SPEC = RunSpec("/archive", "/out", 1.0, "digest", "v1-pad-32", 4, "private")
PASS = PassSpec(references="/refs", characters=["a"], threshold=0.3, mode=Mode.COPY)


def identity(number: int) -> bytes:
    """The identity of one of some files."""
    return identity_of_file(number, 10, 1_700_000_000_000_000_001)


def new_run(store: Store, chunks: list[list[int]], key: str = KEY) -> Run:
    """A run that has embedded some contents, each of a file with the identity of that number."""
    run = store.create_run(SPEC)
    run.archive.begin(PartSpec("/archive", key))
    run.pass_(1).references.begin(PartSpec("/refs", key))
    run.pass_(1).begin(PASS)
    for chunk, contents in enumerate(chunks):
        rows = [Listed(b"%d/%d" % (chunk, at), 1, 1, identity=identity(n)) for at, n in enumerate(contents)]
        run.archive.add_listings(chunk, [rows])
        add_shard(run.archive, chunk, [Read(at, Kind.EMBEDDED, _sha(n), vector(n)) for at, n in enumerate(contents)])
    return run


def _sha(number: int) -> bytes:
    return sha(b"%d" % number)


def known(store: Store, numbers: range) -> set[int]:
    """The contents of which the embeddings are found by digest, and are right."""
    embeddings = KnownEmbeddings(store, KEY)
    found = {n: embeddings.find(_sha(n), 7) for n in numbers}
    for n, read in found.items():
        if read is not None:
            assert (read.row, read.kind, read.digest) == (7, Kind.EMBEDDED, _sha(n))
            assert read.embedding is not None and np.array_equal(read.embedding, vector(n))
    return {n for n, read in found.items() if read is not None}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


RUNS = st.lists(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=3), max_size=4)


@settings(max_examples=30)
@given(runs=RUNS, forgotten=st.sets(st.integers(0, 3)), other=st.lists(st.integers(0, 9), max_size=4))
def test_an_index_knows_what_the_shards_hold(
    tmp_path_factory: pytest.TempPathFactory,
    runs: list[list[list[int]]],
    forgotten: set[int],
    other: list[int],
) -> None:
    """Updated after each run, or once: every content of this network, until its runs are forgotten."""
    store = Store(tmp_path_factory.mktemp("index") / "store")
    new_run(store, [other], "another network")
    made = []
    for chunks in runs:
        made.append(new_run(store, chunks))
        update_index(store, KEY)
        assert len(index_files(store, KEY)) == any(runs[: len(made)])
    assert known(store, range(10)) == {n for chunks in runs for chunk in chunks for n in chunk}
    assert update_index(store, KEY) == 0
    for n in forgotten & set(range(len(made))):
        forget_run(store, made[n])
    update_index(store, KEY)
    left = {n for at, chunks in enumerate(runs) if at not in forgotten for chunk in chunks for n in chunk}
    assert known(store, range(10)) == left
    assert set(ContentIndex(store, KEY).hits([identity(n) for n in range(10)])) == {identity(n) for n in left}


def test_heads_and_remarks_are_found_too(store: Store) -> None:
    """The outcome is the one that was written, but for its row."""
    run = new_run(store, [])
    run.archive.add_listings(0, [[Listed(b"%d" % n, 1, 1) for n in range(3)]])
    boxes = np.array([[0, 0, 0.5, 0.5, 0.9], [0.5, 0.5, 1, 1, 0.8]], np.float32)
    heads = Read(1, Kind.EMBEDDED, _sha(1), vector(1), "cut off", heads=np.stack([vector(2), vector(3)]), boxes=boxes)
    add_shard(run.archive, 0, [Read(0, Kind.UNREADABLE, _sha(0)), heads, Read(2, Kind.EMBEDDED, _sha(2), vector(2))])
    update_index(store, KEY)
    found = KnownEmbeddings(store, KEY).find(_sha(1), 4)
    assert found is not None and found.heads is not None and found.boxes is not None
    assert np.array_equal(found.heads, np.stack([vector(2), vector(3)])) and np.array_equal(found.boxes, boxes)
    assert (found.row, found.reason) == (4, "cut off")
    assert KnownEmbeddings(store, KEY).find(_sha(0), 0) is None  # an unreadable file is tried again


def test_shards_that_others_need_are_known_after_their_run(store: Store) -> None:
    """By digest only: nothing may refer to a forgotten run anew."""
    first = new_run(store, [[1], [2]])
    later = new_run(store, [])
    later.archive.add_listings(0, [[Listed(b"x", 1, 1, known=CacheHit(first.archive.name, 1, 0))]])
    update_index(store, KEY)
    forget_run(store, first)
    assert ContentIndex(store, KEY).hits([identity(2)]) == {}
    assert known(store, range(4)) == {2}
    update_index(store, KEY)
    assert known(store, range(4)) == {2}


@pytest.mark.parametrize("damage", [b"", b"no database", None])
def test_a_damaged_index_is_made_anew(store: Store, damage: bytes | None) -> None:
    """It knows nothing or what the shards prove, and the next update mends it."""
    new_run(store, [[1, 2]])
    update_index(store, KEY)
    (path,) = map(Path, map(str, index_files(store, KEY)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    assert known(store, range(4)) <= {1, 2}
    update_index(store, KEY)
    assert known(store, range(4)) == {1, 2}


def test_what_an_index_says_is_not_believed(store: Store) -> None:
    """A digest that is not in the shard, a part that is none, a shard that is gone: nothing is known."""
    run = new_run(store, [[1], [2]])
    update_index(store, KEY)
    path = run.archive.shard_path(0)
    add_shard(run.archive, 0, [Read(0, Kind.EMBEDDED, _sha(3), vector(3))])
    Path(str(run.archive.shard_path(1))).unlink()
    assert path.exists() and known(store, range(4)) == set()
    shutil.rmtree(str(run.folder))
    assert known(store, range(4)) == set() and ContentIndex(store, KEY).hits([identity(1)]) == {}


def test_an_update_is_seen(store: Store) -> None:
    """By a worker that has the earlier index open."""
    new_run(store, [[1]])
    update_index(store, KEY)
    embeddings = KnownEmbeddings(store, KEY)
    assert embeddings.newest() is embeddings and embeddings.find(_sha(2), 0) is None
    new_run(store, [[2]])
    update_index(store, KEY)
    assert embeddings.find(_sha(1), 0) is not None  # the file is gone, and open
    assert embeddings.newest().find(_sha(2), 0) is not None


def test_a_store_in_a_bucket(objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its index is fetched; of two that are fetched one after the other, the newer one is kept here."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = Store("s3://art/index")
    for n in (1, 2):
        new_run(store, [[n]])
        update_index(store, KEY)
        assert known(store, range(4)) == set(range(1, n + 1))
    assert len(list((tmp_path / "oshiwake" / "index").iterdir())) == 1


def scanned(store: Store, earlier: Run, files: list[Listed]) -> list[CacheHit | None]:
    """What a new scan finds known."""
    update_index(store, KEY)
    index = ContentIndex(store, KEY)
    return [listed.known for listed in UnchangedFiles(earlier.archive, index).resolve(files)]


def test_renamed_and_exchanged_files_are_known(store: Store) -> None:
    """By identity: also where two files of one size and time have exchanged their names."""
    run = new_run(store, [[1, 2], [3]])
    part = run.archive.name
    listed = [row for chunk in range(2) for row in run.archive.listing(chunk)]
    assert scanned(store, run, listed) == [CacheHit(part, 0, 0), CacheHit(part, 0, 1), CacheHit(part, 1, 0)]
    by_name = {row.path: row for row in listed}
    renamed = [replace(row, path=b"new/" + row.path) for row in listed]
    assert scanned(store, run, renamed) == [CacheHit(part, 0, 0), CacheHit(part, 0, 1), CacheHit(part, 1, 0)]
    one, two = by_name[b"0/0"], by_name[b"0/1"]
    exchanged = [replace(one, identity=two.identity), replace(two, identity=one.identity)]
    assert scanned(store, run, exchanged) == [CacheHit(part, 0, 1), CacheHit(part, 0, 0)]
    copied = [replace(one, identity=identity(99))]  # to another disk, with its time
    assert scanned(store, run, copied) == [CacheHit(part, 0, 0)]
    edited = [replace(one, mtime_ns=2, identity=identity(99))]
    assert scanned(store, run, edited) == [None]


def test_identities() -> None:
    """Inode, size and time tell a file, the server's tag an object; a time in whole seconds tells nothing."""
    time_ns = 1_700_000_000_000_000_001
    some = {identity_of_file(1, 2, time_ns), identity_of_file(2, 1, time_ns), identity_of_file(1, 2, time_ns + 1)}
    some |= {identity_of_object("tag", 1), identity_of_object("tag", 2), identity_of_object("gat", 1)}
    assert len(some) == 6 and all(len(one) == 16 for one in some)
    assert identity_of_file(1, 2, 1_700_000_000_000_000_000) == identity_of_object("", 1) == b""
    assert identity_of_member(b"", b"1.png") == b""
    assert len({identity_of_member(one, name) for one in some for name in (b"1", b"2")}) == 12
