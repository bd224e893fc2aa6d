"""A shard: the results of a worker for the files of one chunk, one row each.

Embeddings are fixed-size binary without dictionary or compression: they do not compress, and this is six times faster
to write than Parquet's defaults.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from store.columns import fixed_width
from store.counts import Counts
from store.errors import DamagedStore, StaleShard
from store.files import SCHEMA, check_schema, new_file
from store.head_views import BOX_VALUES, HeadViews
from store.listing import Kind, read_table
from store.location import Location, storage_of

__all__ = [
    "DIGEST_BYTES",
    "Counts",
    "Read",
    "Shard",
    "check_listing",
    "digest_rows",
    "made_from",
    "read_counts",
    "read_digests",
    "read_embedding_key",
    "read_shard",
    "write_shard",
]

DIGEST_BYTES = 32
"""Of a sha256 value."""


@dataclass(frozen=True, slots=True)
class Read:
    """The outcome of reading one listed file.

    Attributes:
        row: Index in the chunk's listing.
        kind: EMBEDDED, UNREADABLE or UNSUPPORTED.
        digest: sha256 of the file's bytes, where it could be read at all.
        embedding: `(dim,)` float32 of unit length when EMBEDDED: the whole picture.
        reason: Why not, otherwise; with an embedding, what a person should know all the same.
        passing: The cause may pass by itself (no permission, a lost mount): try again in the next run, even if the file
            has not changed.
        heads: `(k, dim)` float32 of unit length, the heads in the picture; None for none.
        boxes: `(k, 5)` float32, where they are, see `HeadViews`.
        copied: Another run had embedded the same bytes. Only counted.
    """

    row: int
    kind: Kind
    digest: bytes | None = None
    embedding: NDArray[np.float32] | None = None
    reason: str = ""
    passing: bool = False
    heads: NDArray[np.float32] | None = None
    boxes: NDArray[np.float32] | None = None
    copied: bool = False


@dataclass(frozen=True)
class Shard:
    """A shard in memory, column by column.

    Attributes:
        table: `n` rows with the columns `row` (index in the listing), `kind`, `digest` (null where the file could not
            be read at all), `reason` and `passing`.
        embeddings: `(n, dim)` float32; rows without an embedding are not to be used.
        heads: The heads in the `n` pictures; an earlier version looked for none.
        listing: Digest of the listing that it was made from; empty where an older program wrote it.
    """

    table: pa.Table
    embeddings: NDArray[np.float32]
    heads: HeadViews
    listing: str = ""


_COLUMNS = pa.schema(
    [
        ("row", pa.int32()),
        ("kind", pa.string()),
        ("digest", pa.binary(DIGEST_BYTES)),
        ("reason", pa.string()),
        ("passing", pa.bool_()),
    ]
)
_VECTORS = ("embedding", "head_vectors", "head_boxes")
_KINDS = pa.array([kind.value for kind in Kind if kind is not Kind.PENDING])


def write_shard(
    path: Location, reads: Sequence[Read], *, dimension: int, embedding_key: str, listing: str = ""
) -> Counts:
    """Write a chunk's outcomes atomically, with the digest of the listing whose files they tell of."""
    counts = Counts.of([read.kind for read in reads], sum(read.copied for read in reads))
    vectors = [None if read.embedding is None else read.embedding.astype("<f4").tobytes() for read in reads]
    heads = _heads(reads, dimension).columns()
    schema = pa.schema(
        [*_COLUMNS, ("embedding", pa.binary(4 * dimension)), *((name, one.type) for name, one in heads.items())],
        metadata={
            "schema": str(SCHEMA),
            "dimension": str(dimension),
            "embedding_key": embedding_key,
            "listing": listing,
            "counts": json.dumps(counts.__dict__),
        },
    )
    columns = [
        [read.row for read in reads],
        [read.kind.value for read in reads],
        [read.digest for read in reads],
        [read.reason.encode("utf-8", "backslashreplace").decode() for read in reads],
        [read.passing for read in reads],
        vectors,
        *heads.values(),
    ]
    table = pa.Table.from_pydict(dict(zip(schema.names, columns, strict=True)), schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary:
        pq.write_table(table, temporary, use_dictionary=["kind", "reason"], compression="none", write_statistics=False)
    return counts


def _heads(reads: Sequence[Read], dimension: int) -> HeadViews:
    counts = [0 if read.heads is None else len(read.heads) for read in reads]
    vectors = [read.heads for read in reads if read.heads is not None]
    boxes = [read.boxes for read in reads if read.boxes is not None]
    return HeadViews(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([np.empty((0, dimension), np.float32), *vectors]),
        np.concatenate([np.empty((0, BOX_VALUES), np.float32), *boxes]),
    )


def read_counts(path: Location) -> Counts:
    """Read only a shard's numbers, from its footer.

    Raises:
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    try:
        metadata = pq.read_schema(storage_of(path).parquet_source(path)).metadata or {}
        check_schema(int(metadata[b"schema"]), path)
        counts = Counts(**json.loads(metadata[b"counts"]))
        if not all(type(count) is int and count >= 0 for count in vars(counts).values()):
            raise ValueError("counts that are none")
        return counts
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise DamagedStore(f"{path}: {error}") from error


def read_shard(path: Location, *, vectors: bool = True) -> Shard:
    """Read a shard; without its vectors (then `(n, 0)`) when only the outcomes matter.

    Raises:
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    names = _COLUMNS.names
    table = read_table(path, [*names, *_VECTORS] if vectors else names, at_once=vectors, schema=_COLUMNS)
    if not pc.all(pc.is_in(table["kind"], _KINDS), min_count=0).as_py():
        raise DamagedStore(f"{path}: kind: not what a worker finds")
    if not vectors:
        none = np.empty((len(table), 0), np.float32)
        return Shard(table, none, HeadViews.none(len(table)), _listing(table.schema.metadata))
    kind = table.schema.field("embedding").type
    if not pa.types.is_fixed_size_binary(kind) or kind.byte_width % 4:
        raise DamagedStore(f"{path}: embedding: {kind}")
    found = fixed_width(table["embedding"], kind.byte_width).view("<f4")
    heads = HeadViews.of_table(table, kind.byte_width // 4, path)
    return Shard(table.select(names), found, heads, _listing(table.schema.metadata))


def read_digests(path: Location, listing: str = "") -> NDArray[np.uint8]:
    """The digests of a shard's embedded files, in order: `(k, 32)` uint8.

    Args:
        path: The shard.
        listing: Expected digest of its listing; empty for any.

    Raises:
        StaleShard: It is of another listing.
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    table = read_table(path, ["kind", "digest"], at_once=False, schema=_COLUMNS)
    check_listing(path, _listing(table.schema.metadata), listing)
    return digest_rows(table["digest"].filter(pc.equal(table["kind"], Kind.EMBEDDED.value)))


def made_from(path: Location, listing: str) -> bool:
    """Whether a shard tells of the files of that listing; of an older program's nobody can tell, and it does.

    Raises:
        DamagedStore: It cannot be read.
    """
    try:
        found = _listing(pq.read_schema(storage_of(path).parquet_source(path)).metadata or {})
    except (OSError, pa.ArrowException) as error:
        raise DamagedStore(f"{path}: {error}") from error
    return found in ("", listing)


def read_embedding_key(path: Location) -> str:
    """The network and detector of a shard's embeddings, see `PartSpec`.

    Raises:
        DamagedStore: It cannot be read.
    """
    try:
        metadata = pq.read_schema(storage_of(path).parquet_source(path)).metadata or {}
        return str(metadata[b"embedding_key"].decode())
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise DamagedStore(f"{path}: {error}") from error


def check_listing(path: Location, found: str, listing: str) -> None:
    """Make sure that a shard was made from a listing, as far as both say what they are.

    Raises:
        StaleShard: It is of another one.
    """
    if found and listing and found != listing:
        raise StaleShard(f"{path}: made from another listing of its chunk", path)


def _listing(metadata: dict[bytes, bytes]) -> str:
    return metadata.get(b"listing", b"").decode("ascii", "replace")


def digest_rows(digests: pa.ChunkedArray) -> NDArray[np.uint8]:
    """A column of digests as `(n, 32)` uint8, zeros for null."""
    return fixed_width(digests, DIGEST_BYTES)
