"""Shards: what became of each file of a chunk, and its vector, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from store.errors import DamagedStore, NewerSchema
from store.files import SCHEMA
from store.listing import Kind
from store.shard import Counts, Read, read_counts, read_digests, read_shard, write_shard
from tests.unit.parts import DIMENSION, KEY
from tests.unit.trees import put

VECTORS = arrays(np.float32, DIMENSION, elements=st.floats(-1, 1, width=32))
EMBEDDED = st.builds(
    lambda digest, vector: (Kind.EMBEDDED, digest, vector, "", False), st.binary(min_size=32, max_size=32), VECTORS
)
FAILED = st.tuples(
    st.sampled_from([Kind.UNREADABLE, Kind.UNSUPPORTED]),
    st.none() | st.binary(min_size=32, max_size=32),
    st.none(),
    st.text(max_size=9),
    st.booleans(),
)


def write(path: Path, reads: list[Read]) -> Counts:
    """Write a shard of our dimension."""
    return write_shard(path, reads, dimension=DIMENSION, embedding_key=KEY)


@given(st.lists(EMBEDDED | FAILED, max_size=8), st.integers(0, 1000))
def test_a_shard_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple], first: int) -> None:  # type: ignore[type-arg]
    """Each row under its listing index, vectors bit for bit, with and without them; also when there is none."""
    path = tmp_path_factory.getbasetemp() / "shards" / "000000.parquet"
    reads = [Read(first + 2 * n, *row) for n, row in enumerate(rows)]
    counts = write(path, reads)
    shard, bare = read_shard(path), read_shard(path, vectors=False)
    assert shard.table.column_names == ["row", "kind", "digest", "reason", "passing"] and shard.table == bare.table
    for read, found, vector in zip(reads, shard.table.to_pylist(), shard.embeddings, strict=True):
        assert tuple(found.values()) == (read.row, read.kind, read.digest, read.reason, read.passing)
        if read.embedding is not None:
            assert vector.tobytes() == read.embedding.tobytes()
    assert bare.embeddings.shape == (len(reads), 0)
    assert shard.embeddings.shape == (len(reads), DIMENSION)
    digests = [read.digest for read in reads if read.kind is Kind.EMBEDDED and read.digest]
    assert read_digests(path).tobytes() == b"".join(digests) and read_digests(path).shape == (len(digests), 32)
    kinds = [read.kind for read in reads]
    assert counts == read_counts(path) == Counts.of(kinds)
    assert counts.images == counts.embedded + counts.unreadable + counts.unsupported == len(reads)


def test_a_large_shard_with_gaps_comes_back(tmp_path: Path) -> None:
    """Vectors stay with their rows also where others have none."""
    reads = [
        Read(n, Kind.EMBEDDED, bytes(32), np.full(DIMENSION, n, np.float32))
        if n % 3
        else Read(n, Kind.UNREADABLE, None, None, "empty")
        for n in range(5000)
    ]
    write(tmp_path / "s.parquet", reads)
    shard = read_shard(tmp_path / "s.parquet")
    assert all(shard.embeddings[n][0] == n for n in range(5000) if n % 3)


def test_odd_text_in_a_reason_is_kept_readable(tmp_path: Path) -> None:
    """A lone surrogate is escaped."""
    write(tmp_path / "s.parquet", [Read(0, Kind.UNREADABLE, None, None, "\udcff?")])
    assert read_shard(tmp_path / "s.parquet").table["reason"].to_pylist() == [r"\udcff?"]


def test_counts_add_up() -> None:
    """Number by number."""
    assert Counts(4, 1, 2, 1) + Counts(1, 1, 0, 0) == Counts(5, 2, 2, 1)


@pytest.mark.parametrize("content", [None, b"", b"no parquet"])
def test_a_damaged_shard_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty or something else."""
    path = tmp_path / "000007.parquet"
    if content is not None:
        put(path, content)
    for read in (read_shard, read_counts):
        with pytest.raises(DamagedStore, match="000007"):
            read(path)


def test_a_newer_shard_is_refused(tmp_path: Path) -> None:
    """By the number in its metadata."""
    path = tmp_path / "s.parquet"
    write(path, [])
    table = pq.read_table(path)
    metadata = {**table.schema.metadata, b"schema": str(SCHEMA + 1).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    for read in (read_shard, read_counts):
        with pytest.raises(NewerSchema):
            read(path)
