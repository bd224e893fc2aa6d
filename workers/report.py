"""OUT/report.csv: every file of the archive and its outcome, for a person's spreadsheet.

A text cell that a spreadsheet would compute begins with an apostrophe, and so does one that begins with an apostrophe
itself: `cell_text` takes it away again.

Each pass's report is kept beside the journal; OUT/report.csv is a copy of the newest. So an undo can bring back the one
before. The journal remembers the digest of every report published: a report.csv that is not ours, or that a person has
written in, is known and left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.assignments import Assignments
from store.files import naming, new_file, temporary_beside
from store.journal import Journal
from store.objects import object_time
from store.place import ObjectPath
from workers.digests import file_digest
from workers.naming import numbered
from workers.opening import open_regular

__all__ = ["COLUMNS", "ReportWriter", "cell_text", "publish", "withdraw"]

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
)

SEPARATOR = " | "
"""Between several characters or places of one picture."""

_LINE_END = b"\r\n"


class ReportWriter:
    """Writes a run's report row by row beside the journal; in place of the earlier one when all rows are written."""

    def __init__(self, journal_folder: Path, run_id: str, pass_number: int) -> None:
        self.path = journal_folder / "reports" / f"{run_id}-pass{pass_number}.csv"
        self.path.parent.mkdir(exist_ok=True)
        # Of an object it lies on this machine until it is whole.
        remote = isinstance(self.path, ObjectPath)
        self._temporary = temporary_beside(Path(tempfile.gettempdir(), "report.csv") if remote else self.path)
        self._file = self._temporary.open("wb")
        self._file.write(",".join(COLUMNS).encode() + _LINE_END)

    def write(self, rows: Assignments) -> None:
        """Add rows."""
        with naming(self.path):
            self._file.write(_lines(rows))

    def close(self) -> None:
        """Put the report in place."""
        with naming(self.path):
            self._file.close()
        with new_file(self.path) as temporary:
            self._temporary.replace(temporary)

    def discard(self) -> None:
        """Leave no unfinished report behind; does nothing after `close`."""
        with contextlib.suppress(OSError):  # on a full disk closing fails like the writing before it
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def _lines(rows: Assignments) -> memoryview | bytes:
    """Rows as CSV, in UTF-8: what `csv.writer` makes of them, column by column."""
    texts = rows["path"], rows["characters"], rows["runner_up"], rows["reason"], rows["nearest"], rows["placed"]
    path, names, runner_up, reason, nearest, placed = map(_cells, texts)
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
    ]
    lines = pc.binary_join_element_wise(*columns, ",", null_handling="replace")
    ended = pc.binary_join_element_wise(lines, "", _LINE_END.decode())
    return b"".join(_content(chunk) for chunk in ended.chunks)


_COMPUTED = "^[=+\\-@\t\r\n＝＋－＠']"
"""A cell that begins so is a formula for some spreadsheet (OWASP, CSV injection), or begins with our own mark."""


def cell_text(cell: str) -> str:
    """The text that a cell of a text column stands for."""
    return cell.removeprefix("'")


def _cells(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as cells of CSV; lists of them as one."""
    if pa.types.is_list(texts.type):
        texts = pc.binary_join(texts, SEPARATOR)
    computed = pc.match_substring_regex(texts, _COMPUTED)
    if pc.any(computed).as_py():
        texts = pc.if_else(computed, pc.binary_join_element_wise("'", texts, ""), texts)
    special = pc.match_substring_regex(texts, '[,"\r\n]')
    if not pc.any(special).as_py():
        return texts
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(special, quoted, texts)


def _numbers(distances: pa.ChunkedArray) -> pa.Array:
    """Distances, 0..2, with four digits behind the point."""
    values = distances.to_numpy().astype(np.float64)  # not a number where there is none
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


_PUBLISHED = "published"
"""Under this key the journal keeps the digests of all reports ever published, one after the other."""

_DIGEST_BYTES = 32


def publish(journal: Journal, output: Path, report: Path) -> Path:
    """Copy a finished report to OUT/report.csv, or beside it when something else bears that name; return where."""
    published = _published(journal)
    target = next(path for path in _targets(output, report) if not _stands(path) or _digest(path) in published)
    digest = file_digest(bytes(report))
    if digest not in published:
        journal.note(_PUBLISHED, b"".join([*published, digest]))
    with new_file(target) as temporary, open_regular(bytes(report)) as finished, temporary.open("wb") as file:
        shutil.copyfileobj(finished, file)
    return target


def withdraw(journal: Journal, output: Path, run_id: str | None = None) -> None:
    """Take a run's reports (or all, for None) out of OUT, and bring back the newest of the others."""
    reports = journal.folder / "reports"
    own = list(reports.glob("*.csv" if run_id is None else f"{run_id}-pass*.csv"))
    for report in own:
        for target in (output / "report.csv", *output.glob(f"report-{report.stem}*.csv")):
            if _digest(target) == file_digest(bytes(report)):
                target.unlink()
    for report in own:
        report.unlink()
    others = sorted(reports.glob("*.csv"), key=_written_at)
    if others and not _stands(output / "report.csv"):
        publish(journal, output, others[-1])


def _targets(output: Path, report: Path) -> Iterator[Path]:
    """Where a report may stand, the best place first."""
    yield output / "report.csv"
    for n in count(1):
        yield output / os.fsdecode(numbered(os.fsencode(f"report-{report.name}"), n))


def _published(journal: Journal) -> list[bytes]:
    digests = journal.meta(_PUBLISHED) or b""
    assert isinstance(digests, bytes)  # only `publish` writes it
    return [digests[at : at + _DIGEST_BYTES] for at in range(0, len(digests), _DIGEST_BYTES)]


def _stands(path: Path) -> bool:
    return path.exists() if isinstance(path, ObjectPath) else os.path.lexists(path)


def _written_at(path: Path) -> tuple[int, str]:
    """When a report was written; servers tell seconds, and later passes have later names."""
    return (object_time(bytes(path)) if isinstance(path, ObjectPath) else path.stat().st_mtime_ns), path.name


def _digest(path: Path) -> bytes | None:
    """sha256 of a regular file or an object, None for anything else."""
    try:
        if isinstance(path, ObjectPath):
            return file_digest(bytes(path))
        return file_digest(bytes(path)) if stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None
