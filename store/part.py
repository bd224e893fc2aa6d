"""A part: one tree of files, listed in chunks, with a shard for each chunk that a worker has read.

The archive is a part, and so are the references of each pass. Parquet is imported when needed, because `status` does
not need it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from store.counts import Counts
from store.errors import DamagedStore
from store.fields import KNOWN_ALONE, Count, Place, Text, checked, read_model
from store.files import read_json_if_there, write_json
from store.location import Location
from store.roots import ANYWHERE, Roots

if TYPE_CHECKING:
    import pyarrow as pa

    from store.listing import Listed

__all__ = ["Part", "PartSpec", "ScanTotals"]

_CHUNK_FILE = re.compile(r"([0-9]{6,})\.parquet")


@dataclass(frozen=True)
class PartSpec:
    """The specification of a part.

    Attributes:
        root: Base folder of the listed paths: absolute, or below a named root.
        embedding_key: Only embeddings of the same key are compared or reused.
    """

    __pydantic_config__ = KNOWN_ALONE

    root: Place
    embedding_key: Text


@dataclass(frozen=True)
class ScanTotals:
    """The totals of a finished scan.

    Attributes:
        files: All files, members of archive files included.
        to_read: Files that workers have to read.
        reused: Unchanged files (cache hits).
        chunks: Number of listings.
        chunks_to_read: Number of listings with at least one file to read.
        passed_folders: Skipped folders; their content is not counted.
        passed_files: Skipped files, not included in `files`.
        passed_unfinished: Of these, files that were still being written.
    """

    __pydantic_config__ = KNOWN_ALONE

    files: Count
    to_read: Count
    reused: Count
    chunks: Count
    chunks_to_read: Count
    passed_folders: Count = 0
    passed_files: Count = 0
    passed_unfinished: Count = 0


class Part:
    """A folder of the store that holds one part.

    Attributes:
        name: Place within the store, e.g. `20261123-0412-k7m2p/archive`; what a `CacheHit` refers to.
    """

    def __init__(self, store_runs: Location, name: str, roots: Roots = ANYWHERE) -> None:
        self.name = name
        self._roots = roots
        self._folder = store_runs / name

    @property
    def spec(self) -> PartSpec:
        """Its specification."""
        return read_model(self._folder / "part.json", PartSpec)

    @property
    def root(self) -> bytes:
        """The base folder of the listed paths on this machine.

        Raises:
            UnknownRoot, OutsideRoots: As `Roots.here`.
        """
        return os.fsencode(self._roots.here(self.spec.root))

    @property
    def exists(self) -> bool:
        """Whether the part was begun."""
        return (self._folder / "part.json").exists()

    @property
    def totals(self) -> ScanTotals | None:
        """The totals of the scan, or None before it has finished."""
        path = self._folder / "scan.json"
        value = read_json_if_there(path)
        return None if value is None else checked(value, ScanTotals, path)

    def begin(self, spec: PartSpec) -> None:
        """Create the part's folders and write its specification."""
        (self._folder / "listing").mkdir(parents=True, exist_ok=True)
        (self._folder / "shards").mkdir(exist_ok=True)
        write_json(self._folder / "part.json", asdict(replace(spec, root=self._roots.stored(spec.root))))

    def finish_scan(self, totals: ScanTotals) -> None:
        """Mark the listing as complete."""
        write_json(self._folder / "scan.json", asdict(totals))

    def add_listings(self, first: int, chunks: Sequence[list[Listed]]) -> None:
        """Write the listings of consecutive chunks; readers never find a gap between them."""
        from store.listing import write_listings

        write_listings([self._listing_path(first + n) for n in range(len(chunks))], chunks)

    def listing(self, chunk: int) -> list[Listed]:
        """The files of one chunk, in scan order."""
        return self.listing_and_digest(chunk)[0]

    def listing_and_digest(self, chunk: int) -> tuple[list[Listed], str]:
        """The files of one chunk, in scan order, and the digest of the listing, for `write_shard`."""
        from store.listing import listed_rows, listing_digest, read_listing_table

        table = read_listing_table(self._listing_path(chunk))
        return listed_rows(table), listing_digest(table)

    def listing_table(self, chunk: int, names: Sequence[str]) -> pa.Table:
        """Some columns of a chunk's listing, in scan order; faster than its rows. See `listing_digest`."""
        from store.listing import read_listing_table

        return read_listing_table(self._listing_path(chunk), names)

    def listed_chunks(self) -> list[int]:
        """The numbers of the chunks listed so far, rising."""
        return _chunks_in(self._folder / "listing")

    def shard_path(self, chunk: int) -> Location:
        """Where the shard of a chunk stands once a worker has read it."""
        return self._folder / "shards" / f"{chunk:06d}.parquet"

    def shard_chunks(self) -> list[int]:
        """The numbers of the chunks that have a shard, rising."""
        return _chunks_in(self._folder / "shards")

    def counts(self) -> Counts:
        """The sum of the shards so far."""
        from store.shard import read_counts

        return sum((read_counts(self.shard_path(chunk)) for chunk in self.shard_chunks()), Counts())

    def unread_chunks(self) -> Iterator[int]:
        """The listed chunks with files to read and without a shard, rising."""
        done = set(self.shard_chunks())
        for chunk in self.listed_chunks():
            if chunk not in done and any(row.to_read for row in self.listing(chunk)):
                yield chunk

    def _listing_path(self, chunk: int) -> Location:
        return self._folder / "listing" / f"{chunk:06d}.parquet"


def _chunks_in(folder: Location) -> list[int]:
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError as error:
        raise DamagedStore(f"{folder}: missing") from error
    return sorted(int(match[1]) for name in names if (match := _CHUNK_FILE.fullmatch(name)))
