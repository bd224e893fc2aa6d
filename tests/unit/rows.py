"""The outcomes of files as rows, which the program keeps as columns; and what a report's cells stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from store.assignments import Assignments, FinalOutcome, read_columns, write_all
from store.location import Location

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Assigned:
    """One file's outcome, see `Assignments`."""

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
    confidence: float | None = None
    characters_found: tuple[str, ...] = ()
    views: tuple[dict[str, Any], ...] = ()


def assignments(rows: Iterable[Assigned]) -> Assignments:
    """The columns of rows."""
    rows = list(rows)
    return Assignments.of_columns(**{one.name: [getattr(row, one.name) for row in rows] for one in fields(Assigned)})


def write_assignments(path: Location, rows: Assignments) -> None:
    """Write a chunk's outcomes."""
    write_all([path], [rows])


def read_assignments(path: Location) -> list[Assigned]:
    """Read a chunk's outcomes."""
    return [
        Assigned(
            **{
                **row,
                "outcome": FinalOutcome(row["outcome"]),
                **{name: tuple(row[name]) for name in ("characters", "placed", "characters_found", "views")},
            }
        )
        for row in read_columns(path).table.to_pylist()
    ]


def cell_text(cell: str) -> str:
    """The text that a cell of a text column stands for."""
    return cell.removeprefix("'")


def bytes_of_name(text: str) -> tuple[bytes, bytes]:
    """The path and the member, or no member, of which `readable_name` made a text."""
    path, _, member = text.partition("!/")
    return _bytes(path), _bytes(member)


def _bytes(text: str) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text.encode())
