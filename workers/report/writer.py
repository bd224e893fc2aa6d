"""A pass's report: every file of the archive with its outcome, as CSV for a spreadsheet.

A text cell that a spreadsheet would compute gets an apostrophe in front, and so does one that begins with an
apostrophe, so whoever takes the first one away has the text.
"""

from __future__ import annotations

import contextlib
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.assignments import Assignments
from store.durability import naming
from store.files import new_file
from store.location import Location, storage_of

__all__ = ["COLUMNS", "SEPARATOR", "ReportWriter", "cells", "lines"]

COLUMNS = (
    "path",
    "outcome",
    "character",
    "distance",
    "runner_up",
    "runner_up_distance",
    "digest",
    "reason",
    "nearest",
    "placed",
    "confidence",
    "characters_found",
)

SEPARATOR = " | "
"""Between several characters or places of one picture."""

_TEXTS = ("path", "characters", "runner_up", "reason", "nearest", "placed", "characters_found")

_LINE_END = b"\r\n"


class ReportWriter:
    """Writes a pass's report row by row beside the journal; it replaces the earlier one when all rows are written."""

    def __init__(self, journal_folder: Location, run_id: str, pass_number: int) -> None:
        self.path = journal_folder / "reports" / f"{run_id}-pass{pass_number}.csv"
        self.path.parent.mkdir(exist_ok=True)
        self._closing = contextlib.ExitStack()
        self._temporary = self._closing.enter_context(storage_of(self.path).unfinished(self.path))
        self._file = self._temporary.open("wb")
        self._file.write(",".join(COLUMNS).encode() + _LINE_END)

    def write(self, rows: Assignments) -> None:
        """Add rows."""
        with naming(self.path):
            self._file.write(lines(rows))

    def close(self) -> None:
        """Put the report in place."""
        with naming(self.path):
            self._file.close()
        with self._closing, new_file(self.path) as temporary:
            self._temporary.replace(temporary)

    def discard(self) -> None:
        """Leave no unfinished report behind; does nothing after `close`."""
        with contextlib.suppress(OSError):  # on a full disk closing fails like the writing before it
            self._file.close()
        self._closing.close()


def lines(rows: Assignments) -> memoryview | bytes:
    """Rows as CSV, in UTF-8: what `csv.writer` makes of them, column by column."""
    texts = (rows[name] for name in _TEXTS)
    path, names, runner_up, reason, nearest, placed, characters_found = map(cells, texts)
    distance, next_distance = _numbers(rows["distance"]), _numbers(rows["runner_up_distance"])
    columns = [
        path,
        rows["outcome"],
        names,
        distance,
        runner_up,
        next_distance,
        rows["digest"],
        reason,
        nearest,
        placed,
        _numbers(rows["confidence"]),
        characters_found,
    ]
    joined = pc.binary_join_element_wise(*columns, ",", null_handling="replace")
    ended = pc.binary_join_element_wise(joined, "", _LINE_END.decode())
    return b"".join(_content(chunk) for chunk in ended.chunks)


_COMPUTED = "^[=+\\-@\t\r\n＝＋－＠']"
"""A cell that begins so is a formula for some spreadsheet (OWASP, CSV injection), or begins with our own mark."""

_SPECIAL = '[,"\r\n]'
"""A cell with one of these is quoted."""


def cells(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as cells of CSV; lists of them as one."""
    if pa.types.is_list(texts.type):
        texts = pc.binary_join(texts, SEPARATOR)
    if not pc.any(pc.match_substring_regex(texts, f"{_COMPUTED}|{_SPECIAL}")).as_py():
        return texts  # nearly always
    computed = pc.match_substring_regex(texts, _COMPUTED)
    texts = pc.if_else(computed, pc.binary_join_element_wise("'", texts, ""), texts)
    special = pc.match_substring_regex(texts, _SPECIAL)
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(special, quoted, texts)


def _numbers(column: pa.ChunkedArray) -> pa.Array:
    """Numbers, 0..2, with four digits behind the point."""
    values = column.to_numpy().astype(np.float64)  # not a number where there is none
    there = np.isfinite(values)
    return _numerals().take(pa.array(np.rint(1e4 * np.where(there, values, 0)).astype(np.int64), mask=~there))


@cache
def _numerals() -> pa.Array:
    return pa.array([f"{value / 1e4:.4f}" for value in range(20001)])


def _content(strings: pa.StringArray) -> memoryview:
    """All strings of an array, one after the other."""
    _, ends, data = strings.buffers()
    first, last = np.frombuffer(ends, np.int32)[[strings.offset, strings.offset + len(strings)]].tolist()
    return memoryview(data)[first:last]
