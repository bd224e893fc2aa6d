"""The outcome of every file of a run: one row each, in scan order, in Parquet files of one chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from store.files import SCHEMA, new_file
from store.listing import read_table

__all__ = ["Assigned", "FinalOutcome", "read_assignments", "write_assignments"]


class FinalOutcome(StrEnum):
    """How a scanned file ends; each file ends in exactly one."""

    ASSIGNED = "assigned"
    UNKNOWN = "unknown"
    REVIEW = "review"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Assigned:
    """One file's outcome, as it stands in the report.

    Attributes:
        path: The file below the archive, readable (`book.cbz!/page.png` for a member).
        outcome: The outcome.
        characters: The names given; of an unassigned picture the nearest one stands in `nearest` only.
        nearest: The nearest name, or None where there is no embedding.
        distance: Cosine distance to it.
        runner_up: The next character.
        runner_up_distance: Distance to it.
        digest: sha256 of the file's bytes, hexadecimal, where it was read.
        reason: Why it was not assigned.
        placed: Where it stands, below the output folder.
    """

    path: str
    outcome: FinalOutcome
    characters: tuple[str, ...] = ()
    nearest: str | None = None
    distance: float | None = None
    runner_up: str | None = None
    runner_up_distance: float | None = None
    digest: str | None = None
    reason: str = ""
    placed: tuple[str, ...] = ()


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
    ],
    metadata={"schema": str(SCHEMA)},
)


def write_assignments(path: Path, rows: Sequence[Assigned]) -> None:
    """Write a chunk's outcomes atomically."""
    columns = {name: [_plain(getattr(row, name)) for row in rows] for name in _COLUMNS.names}
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary:
        pq.write_table(pa.Table.from_pydict(columns, schema=_COLUMNS), temporary)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def read_assignments(path: Path) -> list[Assigned]:
    """Read a chunk's outcomes.

    Raises:
        DamagedStore: The file is missing or cannot be read.
        NewerSchema: A newer program wrote it.
    """
    return [
        Assigned(
            **{
                **row,
                "outcome": FinalOutcome(row["outcome"]),
                "characters": tuple(row["characters"]),
                "placed": tuple(row["placed"]),
            }
        )
        for row in read_table(path).to_pylist()
    ]
