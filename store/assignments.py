"""The outcome of every file of a run: one row each, in scan order, in Parquet files of one chunk."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from store.errors import DamagedStore
from store.files import SCHEMA
from store.listing import read_table
from store.location import Location, storage_of

__all__ = [
    "VIEW",
    "Assignments",
    "FinalOutcome",
    "read_columns",
    "read_decided",
    "write_all",
    "write_decided",
]


class FinalOutcome(StrEnum):
    """How a scanned file ends; each file ends in exactly one."""

    ASSIGNED = "assigned"
    UNKNOWN = "unknown"
    REVIEW = "review"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"


VIEW = pa.struct(
    [
        *((side, pa.float32()) for side in ("left", "top", "right", "bottom")),
        ("nearest", pa.string()),
        ("distance", pa.float32()),
        ("runner_up", pa.string()),
        ("runner_up_distance", pa.float32()),
    ]
)
"""What was found of one view: its box as fractions of the picture, null for the whole, and the nearest characters."""

_COLUMNS = pa.schema(
    [
        ("path", pa.string()),
        ("outcome", pa.string()),
        ("characters", pa.list_(pa.string())),
        ("nearest", pa.string()),
        ("distance", pa.float32()),
        ("runner_up", pa.string()),
        ("runner_up_distance", pa.float32()),
        ("digest", pa.string()),
        ("reason", pa.string()),
        ("placed", pa.list_(pa.string())),
        ("confidence", pa.float32()),
        ("characters_found", pa.list_(pa.string())),
        ("views", pa.list_(VIEW)),
    ],
    metadata={"schema": str(SCHEMA)},
)
_FIRST_COLUMNS = pa.schema(list(_COLUMNS)[: _COLUMNS.get_field_index("confidence")])
_REPEATING = ["outcome", "nearest", "runner_up", "reason"] + [
    f"{name}.list.element" for name in ("characters", "characters_found", "views")
]


@dataclass(frozen=True)
class Assignments:
    """The outcomes of a chunk's files, column by column.

    Attributes:
        table: `path`, the file below the archive, readable (`book.cbz!/page.png` for a member);
            `outcome`, a value of `FinalOutcome`; `characters`, the names given;
            `nearest`, the name nearest to the view that decides, null where there is no embedding; `distance`, the
            cosine distance to it;
            `runner_up`, the next character, and `runner_up_distance`;
            `digest`, sha256 of the file's bytes, hexadecimal, where it was read; `reason`, why it was not assigned;
            `placed`, where it stands, below the output folder; `confidence`, the chance that the name is right;
            `characters_found`, all characters that a view shows; `views`, a `VIEW` for the whole picture and for each
            head in it.
    """

    table: pa.Table

    @classmethod
    def of_columns(cls, **columns: pa.Array) -> Assignments:
        """From columns by name."""
        return cls(pa.Table.from_pydict(columns, schema=_COLUMNS))

    @classmethod
    def joined(cls, chunks: Sequence[Assignments]) -> Assignments:
        """Concatenate several chunks."""
        return cls(pa.concat_tables(chunk.table for chunk in chunks).combine_chunks())

    def apart(self, sizes: Sequence[int]) -> list[Assignments]:
        """Split into chunks again, by their numbers of files."""
        starts = accumulate(sizes, initial=0)
        return [Assignments(self.table.slice(start, size)) for start, size in zip(starts, sizes, strict=False)]

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """A column."""
        return self.table[name]

    def replaced(self, **columns: pa.Array) -> Assignments:
        """The same with other values in some columns."""
        return Assignments.of_columns(**{name: columns.get(name, self[name]) for name in _COLUMNS.names})


def write_all(paths: Sequence[Location], chunks: Sequence[Assignments]) -> None:
    """Write the outcomes of several chunks of a pass, each atomically; the disk is waited for together."""
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    storage_of(paths[0]).new_files(paths, lambda temporary, number: _write(temporary, chunks[number]))


def _write(path: Path, rows: Assignments) -> None:
    content = pa.BufferOutputStream()  # Parquet writes many small pieces
    # No dictionary: paths and digests rarely repeat.
    pq.write_table(rows.table, content, use_dictionary=_REPEATING, write_statistics=False)
    path.write_bytes(content.getvalue())


def read_columns(path: Location) -> Assignments:
    """Read a chunk's outcomes, column by column.

    Raises:
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    table = read_table(path, _COLUMNS.names, schema=_FIRST_COLUMNS)
    table = _with_later_columns(table)
    for field in _COLUMNS:
        if table[field.name].type != field.type:
            raise DamagedStore(f"{path}: {field.name}: {table[field.name].type} instead of {field.type}")
    outcomes = pa.array([outcome.value for outcome in FinalOutcome])
    if not pc.all(pc.is_in(table["outcome"], outcomes), min_count=0).as_py():
        raise DamagedStore(f"{path}: outcome: not one of the six")
    return Assignments(table)


def _with_later_columns(table: pa.Table) -> pa.Table:
    """The same with the columns that an earlier version did not write."""
    nothing = pa.ListArray.from_arrays([0] * (len(table) + 1), pa.array([], VIEW))
    later = {
        "confidence": pa.nulls(len(table), pa.float32()),
        "characters_found": table["characters"],
        "views": nothing,
    }
    for name, column in later.items():
        if name not in table.column_names:
            table = table.append_column(name, column)
    return table.select(_COLUMNS.names)


def write_decided(path: Location, rows: Assignments, closest: Sequence[float]) -> None:
    """Write what one reducer found out for another: a chunk's outcomes, and the least distance to each character."""
    noted = json.dumps([distance if math.isfinite(distance) else None for distance in closest])
    metadata = {**rows.table.schema.metadata, b"closest": noted}
    write_all([path], [Assignments(rows.table.replace_schema_metadata(metadata))])


def read_decided(path: Location) -> tuple[Assignments, list[float]]:
    """Read the same; where there is no distance to a character it is infinite.

    Raises:
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    table = read_columns(path).table
    try:
        noted = json.loads(table.schema.metadata[b"closest"])
        closest = [math.inf if distance is None else float(distance) for distance in noted]
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise DamagedStore(f"{path}: closest: {error}") from error
    return Assignments(table.replace_schema_metadata(_COLUMNS.metadata)), closest
