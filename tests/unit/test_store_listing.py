"""Listings and parts: the files of a chunk come back as the scan saw them."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import DamagedStore, NewerSchema
from store.files import SCHEMA
from store.listing import CacheHit, Kind, Listed
from store.part import Part, ScanTotals
from store.shard import Counts, Read
from tests.unit.parts import LISTED, PATHS, add_shard, make_part, read_listing, write_listing
from tests.unit.trees import put


@given(st.lists(LISTED, max_size=8))
def test_a_listing_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Listed]) -> None:
    """Paths and members byte for byte, times to the nanosecond, in order."""
    path = tmp_path_factory.getbasetemp() / "listing.parquet"
    path.unlink(missing_ok=True)
    write_listing(path, rows)
    assert read_listing(path) == rows


def test_a_lone_surrogate_in_a_reason_is_escaped(tmp_path: Path) -> None:
    """A message about an odd file name can be kept, in a readable form."""
    reason = os.fsdecode(b"cannot open \xff.png")
    write_listing(tmp_path / "listing.parquet", [Listed(b"\xff.png", 0, 0, kind=Kind.UNREADABLE, reason=reason)])
    (row,) = read_listing(tmp_path / "listing.parquet")
    assert row.reason == r"cannot open \udcff.png" and row.path == b"\xff.png"


@given(st.lists(st.tuples(PATHS, st.just(b"") | st.binary(max_size=3)), min_size=2, max_size=8, unique=True))
def test_files_are_ordered_as_a_scan_meets_them(names: list[tuple[bytes, bytes]]) -> None:
    """Folder by folder: what lies below one name comes before what lies below the next."""
    listed = sorted((Listed(path, 0, 0, member) for path, member in names), key=lambda row: row.sort_key)
    first = [row.path.split(b"/")[0] for row in listed]
    assert first == sorted(first)
    assert [(row.path.split(b"/"), row.member) for row in listed] == sorted(
        (path.split(b"/"), member) for path, member in names
    )


def test_a_name_can_be_read_by_a_person() -> None:
    """Odd bytes are escaped; a member stands behind its archive file."""
    assert Listed("桜.png".encode(), 0, 0).name == "桜.png"
    assert Listed(b"a/\xff.png", 0, 0).name == r"a/\xff.png"
    assert Listed(b"book.cbz", 0, 0, b"p/1.png").name == "book.cbz!/p/1.png"


@pytest.mark.parametrize("content", [None, b"", b"no parquet"])
def test_a_damaged_listing_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty or something else."""
    path = tmp_path / "000000.parquet"
    if content is not None:
        put(path, content)
    with pytest.raises(DamagedStore, match="000000"):
        read_listing(path)


def test_a_newer_listing_is_refused(tmp_path: Path) -> None:
    """By the number in its metadata."""
    path = tmp_path / "000000.parquet"
    write_listing(path, [])
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"schema": str(SCHEMA + 1)}), path)
    with pytest.raises(NewerSchema):
        read_listing(path)


def test_a_part_knows_its_chunks(tmp_path: Path) -> None:
    """In order of their numbers; temporary files and strangers are no chunks."""
    rows = [Listed(b"a", 1, 1)]
    part = make_part(tmp_path, "run/archive", [rows, rows])
    part.add_listings(1_000_000, [rows])
    put(tmp_path / "run" / "archive" / "listing" / ".oshiwake-0123.part")
    put(tmp_path / "run" / "archive" / "listing" / "notes.txt")
    assert part.listed_chunks() == [0, 1, 1_000_000]
    assert part.listing(1) == rows


def test_a_part_tells_what_is_still_to_read(tmp_path: Path) -> None:
    """Chunks with a shard, or with nothing but known or unreadable files, need no worker."""
    known = Listed(b"a", 1, 1, known=CacheHit("x/archive", 0, 0))
    failed = Listed(b"b", 1, 1, kind=Kind.UNREADABLE)
    part = make_part(tmp_path, "run/archive", [[known, failed], [known, Listed(b"c", 1, 1)], [Listed(b"d", 1, 1)]])
    assert list(part.unread_chunks()) == [1, 2]
    add_shard(part, 1, [Read(1, Kind.UNSUPPORTED)])
    assert list(part.unread_chunks()) == [2]
    assert part.counts() == Counts(1, 0, 0, 1)


def test_the_scan_is_finished_or_not(tmp_path: Path) -> None:
    """Its totals are there once it is."""
    part = make_part(tmp_path, "run/archive", [])
    assert part.exists and part.totals is None and part.spec.root == "/archive"
    part.finish_scan(ScanTotals(3, 2, 1, 1, 1))
    assert part.totals == ScanTotals(3, 2, 1, 1, 1)
    missing = Part(tmp_path, "run/other")
    assert not missing.exists
    with pytest.raises(DamagedStore):
        missing.listed_chunks()
