"""What an earlier scan makes known, and what is known of every file of a part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import DamagedStore
from store.incremental import UnchangedFiles
from store.listing import CacheHit, Kind, Listed
from store.mode import Mode
from store.outcomes import Outcomes
from store.part import ScanTotals
from store.run import RunSpec
from store.run_pass import PassSpec
from store.shard import Read
from store.store import Store
from tests.unit.parts import KEY, PATHS, add_shard, make_part, vector

DIGEST = bytes(32)
STATES = ("embedded", "unreadable", "passing", "unread", "known", "by the scan")
FILES = st.dictionaries(
    st.tuples(PATHS, st.sampled_from([b"", b"1.png", b"2.png"])),
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from(STATES)),
    max_size=10,
)


def _earlier(folder: Path, files: dict, chunk_size: int) -> tuple[object, dict]:  # type: ignore[type-arg]
    """An earlier part with these files, and the plain truth: what it makes known, by name."""
    names = sorted(files, key=lambda name: Listed(name[0], 0, 0, name[1]).sort_key)
    chunks = [names[at : at + chunk_size] for at in range(0, len(names), chunk_size)]
    listings, truth = [], {}
    for chunk, members in enumerate(chunks):
        rows = []
        for row, name in enumerate(members):
            size, mtime, state = files[name]
            elsewhere = CacheHit("old/archive", 7, row)
            listed = Listed(name[0], size, mtime, name[1])
            if state == "known":
                listed, truth[name] = replace(listed, known=elsewhere), (size, mtime, elsewhere)
            elif state == "by the scan":
                listed = replace(listed, kind=Kind.UNREADABLE)
            elif state in ("embedded", "unreadable") and not any(files[other][2] == "unread" for other in members):
                truth[name] = (size, mtime, CacheHit("run/archive", chunk, row))
            rows.append(listed)
        listings.append(rows)
    part = make_part(folder, "run/archive", listings)
    for chunk, rows in enumerate(listings):
        states = [files[listed.path, listed.member][2] for listed in rows]
        reads = [
            Read(row, Kind.EMBEDDED, DIGEST, vector(row))
            if state == "embedded"
            else Read(row, Kind.UNREADABLE, passing=state == "passing")
            for row, state in enumerate(states)
            if state in ("embedded", "unreadable", "passing")
        ]
        if reads and "unread" not in states:
            add_shard(part, chunk, reads)
    return part, truth


@settings(max_examples=50)
@given(FILES, FILES, st.integers(1, 4))
def test_known_files_are_those_of_a_plain_table(
    tmp_path_factory: pytest.TempPathFactory,
    earlier: dict,  # type: ignore[type-arg]
    new: dict,  # type: ignore[type-arg]
    chunk_size: int,
) -> None:
    """Moving along two sorted scans finds exactly what looking up name, size and time in a table does."""
    part, truth = _earlier(tmp_path_factory.mktemp("part"), earlier, chunk_size)
    scan = {**{name: value for name, value in earlier.items() if name not in new}, **new}
    listed = sorted(
        (Listed(path, scan[path, member][0], scan[path, member][1], member) for path, member in scan),
        key=lambda f: f.sort_key,
    )
    known = UnchangedFiles(part)  # type: ignore[arg-type]
    for file in listed:
        found = truth.get((file.path, file.member))
        expected = found[2] if found and found[:2] == (file.size, file.mtime_ns) else None
        assert known.find(file) == expected


def test_without_an_earlier_scan_nothing_is_known() -> None:
    """The first run reads everything."""
    assert UnchangedFiles(None).find(Listed(b"a", 1, 1)) is None


def test_one_file_asked_for_twice(tmp_path: Path) -> None:
    """A reference picture of two characters is known for both."""
    part = make_part(tmp_path, "run/archive", [[Listed(b"a", 1, 1)]])
    add_shard(part, 0, [Read(0, Kind.UNREADABLE)])
    known = UnchangedFiles(part)
    assert [known.find(Listed(b"a", 1, 1, label=label)) for label in "xy"] == [CacheHit("run/archive", 0, 0)] * 2


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def test_outcomes_join_listing_and_shards(store: Store) -> None:
    """Each file's own row, in its own shard or an earlier one; vectors in the order of the embedded files."""
    earlier = make_part(store.runs, "old/archive", [[Listed(b"x", 1, 1), Listed(b"y", 1, 1), Listed(b"z", 1, 1)]])
    add_shard(earlier, 0, [Read(0, Kind.EMBEDDED, DIGEST, vector(0)), Read(2, Kind.EMBEDDED, DIGEST, vector(2))])
    rows = [
        Listed(b"a", 1, 1),
        Listed(b"b", 1, 1, kind=Kind.UNSUPPORTED, reason="not a regular file"),
        Listed(b"z", 1, 1, known=CacheHit("old/archive", 0, 2)),
        Listed(b"zz", 1, 1),
    ]
    part = make_part(store.runs, "new/archive", [rows])
    add_shard(part, 0, [Read(0, Kind.EMBEDDED, DIGEST, vector(9)), Read(3, Kind.UNREADABLE, None, None, "empty")])
    (chunk,) = Outcomes(store).chunks(part)
    assert chunk.names.to_pylist() == [listed.name for listed in rows]
    assert chunk.table["kind"].to_pylist() == ["embedded", "unsupported", "embedded", "unreadable"]
    assert chunk.table["reason"].to_pylist() == ["", "not a regular file", "", "empty"]
    assert chunk.table["digest"].to_pylist() == [DIGEST, None, DIGEST, None]
    assert chunk.embedded.tolist() == [0, 2]
    assert chunk.digests.tobytes() == Outcomes(store).digests(part, 0).tobytes() == 2 * DIGEST
    assert np.array_equal(chunk.embeddings, np.stack([vector(9), vector(2)]))


def test_outcomes_of_many_earlier_shards(store: Store) -> None:
    """More shards than are kept open, gone through back and forth."""
    earlier = make_part(store.runs, "old/archive", [[Listed(b"%02d" % n, 1, 1)] for n in range(20)])
    for n in range(20):
        add_shard(earlier, n, [Read(0, Kind.EMBEDDED, DIGEST, vector(n))])
    order = [*range(20), *reversed(range(20))]
    rows = [Listed(b"%02d" % at, 1, 1, known=CacheHit("old/archive", n, 0)) for at, n in enumerate(order)]
    chunk = Outcomes(store).chunk(make_part(store.runs, "new/archive", [rows]), 0)
    assert np.array_equal(chunk.embeddings, np.stack([vector(n) for n in order]))


def test_a_chunk_without_embeddings(store: Store) -> None:
    """Has no vectors, and needs no shard when the scan found everything out."""
    part = make_part(store.runs, "new/archive", [[Listed(b"b", 1, 1, kind=Kind.UNREADABLE)], []])
    for chunk in Outcomes(store).chunks(part):
        assert len(chunk.embeddings) == 0


@pytest.mark.parametrize("reads", [None, []])
def test_a_shard_that_is_missing_or_lacks_a_row(store: Store, reads: list[Read] | None) -> None:
    """Is an error that names the chunk, never a file left out."""
    part = make_part(store.runs, "new/archive", [[Listed(b"a", 1, 1)]])
    if reads is not None:
        add_shard(part, 0, reads)
    with pytest.raises(DamagedStore):
        Outcomes(store).chunk(part, 0)


def test_earlier_parts_are_those_of_the_same_folder_and_network(store: Store) -> None:
    """Scanned whole, the newest first, references as well as archives."""
    spec = RunSpec("/archive", "/out", 1.0, "digest", "v1-pad-32", 4, "private")
    names = []
    for created in (1.0, 2.0, 3.0):
        run = store.create_run(replace(spec, created_s=created))
        run.pass_(1).begin(PassSpec(references="/refs", characters=["a"], threshold=0.3, mode=Mode.COPY))
        make_part(store.runs, run.archive.name, [])
        make_part(store.runs, run.pass_(1).references.name, [], root="/refs")
        if created < 3:
            run.archive.finish_scan(ScanTotals(0, 0, 0, 0, 0))
            run.pass_(1).references.finish_scan(ScanTotals(0, 0, 0, 0, 0))
        names.append(run.id)
    found = [part.name for part in store.parts_of("/archive", KEY)]
    assert found == [f"{names[1]}/archive", f"{names[0]}/archive"]
    assert len(list(store.parts_of("/refs", KEY))) == 2
    assert not list(store.parts_of("/archive", "another network"))
