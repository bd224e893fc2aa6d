"""Heads in shards: each picture keeps its own, whatever stands beside it; older shards have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import DamagedStore
from store.head_views import BOX_VALUES, HeadViews
from store.listing import CacheHit, Kind, Listed
from store.outcomes import Outcomes
from store.shard import Read, read_shard, write_shard
from store.store import Store
from tests.unit.parts import DIMENSION, KEY, add_shard, make_part, vector

COUNTS = st.lists(st.integers(0, 3), max_size=6)


def read(row: int, heads: int, kind: Kind = Kind.EMBEDDED) -> Read:
    """A picture with so many heads, whose numbers tell row and head."""
    if kind is not Kind.EMBEDDED:
        return Read(row, kind, None, None, "broken")
    if heads == 0:
        return Read(row, kind, bytes(32), vector(row))
    boxes = np.array([[0.1, 0.2, 0.3, 0.4, row / 1000 + n / 10] for n in range(heads)], np.float32)
    return Read(
        row, kind, bytes(32), vector(row), heads=np.stack([vector(100 * row + n) for n in range(heads)]), boxes=boxes
    )


def same(found: HeadViews, reads: list[Read]) -> bool:
    """Whether these are the heads of these pictures."""
    assert len(found) == len(reads)
    for number, one in enumerate(reads):
        rows = slice(found.starts[number], found.starts[number + 1])
        heads = np.empty((0, DIMENSION)) if one.heads is None else one.heads
        boxes = np.empty((0, BOX_VALUES)) if one.boxes is None else one.boxes
        if not (np.array_equal(found.vectors[rows], heads) and np.array_equal(found.boxes[rows], boxes)):
            return False
    return True


@given(COUNTS)
def test_heads_come_back_from_a_shard(tmp_path_factory: pytest.TempPathFactory, counts: list[int]) -> None:
    """Bit for bit, each with its picture."""
    path = tmp_path_factory.getbasetemp() / "heads" / "000000.parquet"
    reads = [read(row, heads) for row, heads in enumerate(counts)]
    write_shard(path, reads, dimension=DIMENSION, embedding_key=KEY)
    assert same(read_shard(path).heads, reads)
    assert len(read_shard(path, vectors=False).heads.vectors) == 0


@given(COUNTS, st.data())
def test_some_of_the_pictures(counts: list[int], data: st.DataObject) -> None:
    """In any order, and as often as asked for."""
    reads = [read(row, heads) for row, heads in enumerate(counts)]
    views = HeadViews.joined([HeadViews.none(0, DIMENSION), *map(views_of, reads)])
    assert same(views, reads)
    wanted = data.draw(st.lists(st.sampled_from(range(len(reads))), max_size=9)) if reads else []
    assert same(views.take(np.array(wanted, np.int64)), [reads[row] for row in wanted])


def views_of(one: Read) -> HeadViews:
    """The heads of one picture."""
    if one.heads is None or one.boxes is None:
        return HeadViews.none(1)
    return HeadViews(np.array([0, len(one.heads)]), one.heads, one.boxes)


def test_a_shard_of_an_earlier_version_has_whole_pictures(tmp_path: Path) -> None:
    """It has no columns for heads."""
    path = tmp_path / "000000.parquet"
    reads = [read(0, 2), read(1, 0)]
    write_shard(path, reads, dimension=DIMENSION, embedding_key=KEY)
    table = pq.read_table(path)
    older = table.drop_columns(["head_vectors", "head_boxes"])
    pq.write_table(older.replace_schema_metadata({**table.schema.metadata, b"schema": b"1"}), path)
    shard = read_shard(path)
    assert same(shard.heads, [read(0, 0), read(1, 0)]) and np.array_equal(shard.embeddings[0], vector(0))


def test_a_box_outside_its_picture_is_refused(tmp_path: Path) -> None:
    """Nobody cuts it out."""
    path = tmp_path / "000000.parquet"
    for wrong in (-0.1, 1.1, np.nan):
        one = read(0, 1)
        assert one.boxes is not None
        one.boxes[0, 2] = wrong
        write_shard(path, [one], dimension=DIMENSION, embedding_key=KEY)
        with pytest.raises(DamagedStore, match="head_boxes"):
            read_shard(path)


def test_heads_of_unchanged_files_come_from_earlier_shards(tmp_path: Path) -> None:
    """Joined with those of new files in the order of the listing; what cannot be read has none."""
    store = Store(tmp_path)
    earlier = [read(0, 2), read(1, 0), read(2, 1)]
    runs = tmp_path / "runs"
    add_shard(make_part(runs, "20261101-0000-aaaaa/archive", [[Listed(b"%d" % n, 1, 1) for n in range(3)]]), 0, earlier)
    hits = [CacheHit("20261101-0000-aaaaa/archive", 0, row) for row in (2, 0)]
    listed = [
        Listed(b"a", 1, 1, known=hits[0]),
        Listed(b"b", 1, 1),
        Listed(b"c", 1, 1, known=hits[1]),
        Listed(b"d", 1, 1),
    ]
    part = make_part(runs, "20261102-0000-bbbbb/archive", [listed])
    own = [read(1, 3), read(3, 0, Kind.UNREADABLE)]
    add_shard(part, 0, own)
    found = Outcomes(store).chunk(part, 0)
    assert same(found.heads, [earlier[2], own[0], earlier[0]])
