"""A shard belongs to the very listing that it was made from; listings are never replaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from store.errors import StaleShard
from store.incremental import UnchangedFiles
from store.listing import Kind, Listed
from store.mode import Mode
from store.outcomes import Outcomes
from store.part import Part, ScanTotals
from store.shard import Read, made_from, write_shard
from store.store import Store
from tests.unit.parts import DIMENSION, KEY, make_part, vector
from tests.unit.sites import Site
from tests.unit.sorting import SPEC, Sorting, at
from workers.errors import NotReady

ROWS = [Listed(b"a.png", 1, 1), Listed(b"b.png", 1, 1)]
OTHER = [Listed(b"0 added.png", 1, 1), Listed(b"a.png", 1, 1)]


def read(part: Part) -> None:
    """Write the shard of chunk 0, as a worker does."""
    listed, digest = part.listing_and_digest(0)
    reads = [Read(row, Kind.EMBEDDED, bytes(32), vector(row)) for row in range(len(listed))]
    write_shard(part.shard_path(0), reads, dimension=DIMENSION, embedding_key=KEY, listing=digest)


def relist(part: Part, rows: list[Listed]) -> None:
    """What an older program's second producer did: put another listing in the place of one."""
    next((Path(str(part.shard_path(0).parent.parent)) / "listing").glob("*0.parquet")).unlink()
    part.add_listings(0, [rows])


def test_a_listing_is_never_replaced(tmp_path: Path) -> None:
    """Whoever comes second is refused, and nothing of it stays."""
    part = make_part(tmp_path, "20261123-0412/archive", [ROWS])
    with pytest.raises(FileExistsError):
        part.add_listings(0, [OTHER, OTHER])
    assert part.listing(0) == ROWS and part.listed_chunks() == [0]
    assert not list(tmp_path.rglob(".oshiwake-*"))


def test_a_shard_of_another_listing_is_not_used(tmp_path: Path) -> None:
    """Neither its embeddings, nor its digests, nor by a later scan of the same folder."""
    store = Store(tmp_path)
    part = make_part(store.runs, "20261123-0412/archive", [ROWS])
    read(part)
    assert made_from(part.shard_path(0), part.listing_and_digest(0)[1])
    assert UnchangedFiles(part).find(ROWS[0]) is not None
    relist(part, OTHER)
    part.finish_scan(ScanTotals(2, 2, 0, 1, 1))
    assert not made_from(part.shard_path(0), part.listing_and_digest(0)[1])
    for vectors in (True, False):
        with pytest.raises(StaleShard, match="another listing"):
            Outcomes(store, vectors=vectors).chunk(part, 0)
        with pytest.raises(StaleShard, match="another listing"):
            Outcomes(store, vectors=vectors).digests(part, 0)
    assert UnchangedFiles(part).find(ROWS[0]) is None


def test_what_an_older_program_wrote_is_used(tmp_path: Path) -> None:
    """It says nothing of its listing."""
    store = Store(tmp_path)
    part = make_part(store.runs, "20261123-0412/archive", [ROWS])
    reads = [Read(row, Kind.EMBEDDED, bytes(32), vector(row)) for row in range(2)]
    write_shard(part.shard_path(0), reads, dimension=DIMENSION, embedding_key=KEY)
    assert len(Outcomes(store).chunk(part, 0).embeddings) == 2


def test_a_reduction_has_it_read_again(tmp_path: Path) -> None:
    """Before anything is placed; the shard is gone then, so that `resume` sends the chunk."""
    site = Site(tmp_path)
    for name in ("a.png", "b.png"):
        site.add(name)
    sorting = Sorting(site, {"a.png": at(a=0.1), "b.png": at(s=0.1)}, replace(SPEC, mode=Mode.COPY))
    archive = sorting.run.archive
    listed, digest = archive.listing_and_digest(0)
    reads = [Read(row, Kind.EMBEDDED, bytes(32), np.eye(DIMENSION, dtype=np.float32)[row]) for row in range(2)]
    write_shard(archive.shard_path(0), reads, dimension=DIMENSION, embedding_key=KEY, listing=digest)
    relist(archive, listed[::-1])
    with pytest.raises(NotReady, match="producer resume"):
        sorting.reduce()
    assert not site.placed() and list(archive.unread_chunks()) == [0]
