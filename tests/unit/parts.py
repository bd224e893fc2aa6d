"""Listings, shards and parts as hypothesis makes them, and parts made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from store.listing import CacheHit, Kind, Listed, listed_rows, read_listing_table, write_listings
from store.location import Location
from store.part import Part, PartSpec
from store.shard import Read, write_shard

KEY = "digest-v1-pad-32"
DIMENSION = 4

NAMES = (
    st.binary(min_size=1, max_size=6)
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name not in (b".", b".."))  # which no scan lists
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
TIMES = st.integers(-(2**62), 2**62)
LISTED = st.builds(
    Listed,
    path=PATHS,
    size=st.integers(0, 2**62),
    mtime_ns=TIMES,
    member=st.just(b"") | st.binary(max_size=6),
    kind=st.sampled_from([Kind.PENDING, Kind.UNREADABLE, Kind.UNSUPPORTED]),
    reason=st.text(max_size=6),
    known=st.none()
    | st.builds(
        CacheHit,
        st.sampled_from(["old/archive", "2-x/passes/12/references"]),
        st.integers(0, 2**31 - 1),
        st.integers(0, 2**31 - 1),
    ),
    label=st.text(max_size=6),
)

SUMMARY: dict[str, Any] = {
    **dict.fromkeys(("files", "copied_instead", "already", "left_alone", "problem_count"), 3),
    **{name: [] for name in ("failed", "bad_references", "problems")},
    "outcomes": {
        **dict.fromkeys(("assigned", "review", "duplicate", "unreadable", "unsupported"), 0),
        "unknown": 3,
    },
    "placed": {},
    "report": "/out/report.csv",
}
"""The least that a summary of a pass holds."""


def vector(seed: int) -> NDArray[np.float32]:
    """A unit vector."""
    values = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return values / np.linalg.norm(values)


def write_listing(path: Location, rows: Sequence[Listed]) -> None:
    """Write a chunk's listing."""
    write_listings([path], [rows])


def read_listing(path: Location) -> list[Listed]:
    """Read a chunk's listing."""
    return listed_rows(read_listing_table(path))


def make_part(folder: Location, name: str, chunks: Sequence[Sequence[Listed]], root: str = "/archive") -> Part:
    """A part with listings and no shard yet."""
    part = Part(folder, name)
    part.begin(PartSpec(root, KEY))
    for number, rows in enumerate(chunks):
        part.add_listings(number, [list(rows)])
    return part


def add_shard(part: Part, chunk: int, reads: Sequence[Read]) -> None:
    """Write a chunk's shard."""
    write_shard(part.shard_path(chunk), reads, dimension=DIMENSION, embedding_key=KEY)
