"""A listing: the files of one chunk in scan order."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from store.errors import DamagedStore
from store.fields import valid_part
from store.files import SCHEMA, check_schema
from store.location import Location, storage_of
from store.readable_names import readable_name

__all__ = [
    "CacheHit",
    "Kind",
    "Listed",
    "SortKey",
    "listed_rows",
    "listing_digest",
    "read_listing_table",
    "write_listings",
]

SortKey = tuple[tuple[bytes, ...], bytes]
"""The scan order of files: by folder, then name as bytes, then name inside an archive file."""


class Kind(StrEnum):
    """The state of a listed file, before it is assigned."""

    PENDING = "pending"
    EMBEDDED = "embedded"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"


_KINDS = pa.array([kind.value for kind in Kind])


@dataclass(frozen=True, slots=True)
class CacheHit:
    """The place of an unchanged file's outcome: a row of a chunk of an earlier part."""

    part: str
    chunk: int
    row: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One scanned file.

    Attributes:
        path: Location below the root of the part, as the bytes that the file system uses.
        size: In bytes; of the containing archive file for a member.
        mtime_ns: Time of the last change in nanoseconds.
        member: Name inside a .zip or .cbz, UTF-8; empty for a plain file.
        kind: PENDING if a worker must read it; else the outcome by the scan.
        reason: Why it is unreadable or unsupported; empty otherwise.
        known: The cache hit of an unchanged file.
        label: The character, in a part of references; empty in an archive.
        identity: What tells the same content under any name (`store.file_identity`); empty where nothing does.
    """

    path: bytes
    size: int
    mtime_ns: int
    member: bytes = b""
    kind: Kind = Kind.PENDING
    reason: str = ""
    known: CacheHit | None = None
    label: str = ""
    identity: bytes = b""

    @property
    def to_read(self) -> bool:
        """Whether a worker must read this file."""
        return self.kind is Kind.PENDING and self.known is None

    @property
    def sort_key(self) -> SortKey:
        """Position in the order of the scan."""
        return sort_key(self.path, self.member)

    @property
    def name(self) -> str:
        """The file for a person to read: `folder/file.png`, or `book.cbz!/page.png` for a member."""
        return readable_name(self.path, self.member)


def sort_key(path: bytes, member: bytes) -> SortKey:
    """Position of a file in the order of the scan."""
    return tuple(path.split(b"/")), member


_DIGEST = b"digest"
"""Metadata key of the file's digest in a listing's table."""

_COLUMNS = pa.schema(
    [
        ("path", pa.binary()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("member", pa.binary()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("known_part", pa.string()),
        ("known_chunk", pa.int32()),
        ("known_row", pa.int32()),
        ("label", pa.string()),
        ("identity", pa.binary()),
    ],
    metadata={"schema": str(SCHEMA)},
)

_REQUIRED = pa.schema(field for field in _COLUMNS if field.name != "identity")
"""Earlier versions wrote no identities."""


def write_listings(paths: Sequence[Location], chunks: Sequence[Sequence[Listed]]) -> None:
    """Write the listings of chunks that follow one another; they appear in their order, each whole.

    Raises:
        FileExistsError: There is one. It is never replaced, because a shard may belong to it.
    """
    storage_of(paths[0]).new_files(paths, lambda temporary, number: _write(temporary, chunks[number]), replace=False)


def _write(path: Path, rows: Sequence[Listed]) -> None:
    known = [row.known for row in rows]
    table = pa.Table.from_pydict(
        {
            "path": [row.path for row in rows],
            "size": [row.size for row in rows],
            "mtime_ns": [row.mtime_ns for row in rows],
            "member": [row.member for row in rows],
            "kind": [row.kind.value for row in rows],
            "reason": [_valid(row.reason) for row in rows],
            "known_part": [at and at.part for at in known],
            "known_chunk": [at and at.chunk for at in known],
            "known_row": [at and at.row for at in known],
            "label": [row.label for row in rows],
            "identity": [row.identity for row in rows],
        },
        schema=_COLUMNS,
    )
    # No dictionary: paths and times rarely repeat.
    repeating = ["member", "kind", "reason", "known_part", "known_chunk", "label"]
    pq.write_table(table, path, use_dictionary=repeating, write_statistics=False)


def _valid(text: str) -> str:
    """Escape an undecodable file name in a message: Parquet strings are UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def listed_rows(table: pa.Table) -> list[Listed]:
    """The rows of a whole listing."""
    return [_listed(*values) for values in zip(*(table[name].to_pylist() for name in _COLUMNS.names), strict=True)]


def read_listing_table(path: Location, columns: Sequence[str] | None = None) -> pa.Table:
    """A listing, or some of its columns, each value checked; `listing_digest` tells it from any other.

    Raises:
        DamagedStore: The file is missing or cannot be read, or a value is invalid.
        NewerSchema: A newer program wrote it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedStore(f"{path}: {error}") from error
    table = _read(pa.BufferReader(content), path, columns, _REQUIRED)
    if "identity" not in table.column_names and (columns is None or "identity" in columns):
        table = table.append_column(_COLUMNS.field("identity"), pa.array([b""] * len(table), pa.binary()))
    if problem := _problem(table):
        raise DamagedStore(f"{path}: {problem}")
    return table.replace_schema_metadata({_DIGEST: hashlib.sha256(content).hexdigest()})


def listing_digest(table: pa.Table) -> str:
    """sha256 of the file that a listing was read from, hexadecimal."""
    return str(table.schema.metadata[_DIGEST].decode())


def _listed(
    path: bytes,
    size: int,
    mtime_ns: int,
    member: bytes,
    kind: str,
    reason: str,
    known_part: str | None,
    known_chunk: int,
    known_row: int,
    label: str,
    identity: bytes,
) -> Listed:
    known = CacheHit(known_part, known_chunk, known_row) if known_part is not None else None
    return Listed(path, size, mtime_ns, member, Kind(kind), reason, known, label, identity)


_SLASH = ord("/")
_LEADS_OUT = r"^/|^$|\x00|(^|/)\.\.(/|$)"
"""Of a path below the root of a part."""

_MOST_BYTES = 8192
"""Of a path below the root. Longer than a file system opens: such a file is listed as unreadable."""


def _problem(table: pa.Table) -> str | None:
    """The fault of a listing, or None. Usual listings take a fast path."""
    names = set(table.column_names)
    if "identity" in names and table["identity"].type != pa.binary():
        return f"identity: {table['identity'].type}"
    for name in sorted(names - {"known_part", "known_chunk", "known_row"}):
        if table[name].null_count:
            return f"{name}: a value is missing"
    if "kind" in names and not pc.all(pc.is_in(table["kind"], _KINDS), min_count=0).as_py():
        return "kind: no kind of file"
    if "path" in names and _may_lead_out(table["path"].combine_chunks()):
        # The key of an object may hold anything, but then it is not read.
        pending = pc.equal(table["kind"], Kind.PENDING.value) if "kind" in names else True
        if pc.any(pc.and_(pc.match_substring_regex(table["path"], _LEADS_OUT), pending)).as_py():
            return "path: it leads out of the part"
        if pc.any(pc.greater(pc.binary_length(table["path"]), _MOST_BYTES)).as_py():
            return "path: too long"
    for name in sorted(names & {"known_chunk", "known_row"}):
        if pc.any(pc.less(table[name], 0)).as_py():
            return f"{name}: negative"
    if "known_part" in names:
        parts = [name for name in pc.unique(table["known_part"]).to_pylist() if name is not None]
        if not all(map(valid_part, parts)):
            return "known_part: no name of a part"
    return None


def _may_lead_out(paths: pa.BinaryArray) -> bool:
    """Whether a path may be invalid. Checking the bytes of all paths takes a tenth of the time of a regex."""
    _, ends, data = paths.buffers()
    ends = np.frombuffer(ends, np.int32)[paths.offset : paths.offset + len(paths) + 1]
    lengths = np.diff(ends)
    if len(lengths) == 0 or lengths.min() == 0 or lengths.max() > _MOST_BYTES:
        return len(lengths) > 0
    letters = np.frombuffer(data, np.uint8)[: ends[-1]]
    text = letters[ends[0] :].tobytes()
    return b".." in text or b"\0" in text or bool((letters[ends[:-1]] == _SLASH).any())


def read_table(
    path: Location, columns: Collection[str] | None = None, *, at_once: bool = True, schema: pa.Schema | None = None
) -> pa.Table:
    """Read a Parquet file of the store, or some of its columns.

    Args:
        path: The file.
        columns: The names, or all.
        schema: The expected types.
        at_once: Read all bytes first, which is faster for most columns: Arrow fetches each column of a file in its own
            thread.

    Raises:
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    try:
        source = pa.BufferReader(path.read_bytes()) if at_once else storage_of(path).parquet_source(path)
    except OSError as error:
        raise DamagedStore(f"{path}: {error}") from error
    return _read(source, path, columns, schema)


def _read(source: Any, path: Location, columns: Iterable[str] | None, schema: pa.Schema | None) -> pa.Table:
    try:
        # pq.read_table takes five times as long for a small file. Files are read one by one, so threads within one
        # gain nothing.
        with pq.ParquetFile(source) as file:
            table = file.read(columns=None if columns is None else list(columns), use_threads=False)
            check_schema(int((table.schema.metadata or {}).get(b"schema", b"1")), path)
            for field in schema or ():
                if (columns is None or field.name in columns) and table.schema.field(field.name).type != field.type:
                    raise TypeError(f"{field.name}: {table.schema.field(field.name).type} instead of {field.type}")
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise DamagedStore(f"{path}: {_line(error)}") from error
    return table


def _line(error: Exception) -> str:
    """Arrow's message in one line."""
    return " ".join(str(error).split())
