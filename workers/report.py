"""OUT/report.csv: every file of the archive and its outcome, for a person's spreadsheet.

Each pass's report is kept beside the journal; OUT/report.csv is a copy of the newest. So an undo can bring back the one
before, and a report.csv that is not ours is known and left alone.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path

from store.assignments import Assigned
from store.files import new_file, temporary_beside
from workers.operations import file_digest

__all__ = ["COLUMNS", "ReportWriter", "publish", "withdraw"]

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


class ReportWriter:
    """Writes a run's report row by row beside the journal; in place of the earlier one when all rows are written."""

    def __init__(self, journal_folder: Path, run_id: str, pass_number: int) -> None:
        self.path = journal_folder / "reports" / f"{run_id}-pass{pass_number}.csv"
        self.path.parent.mkdir(exist_ok=True)
        self._temporary = temporary_beside(self.path)
        self._file = self._temporary.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file)
        self._csv.writerow(COLUMNS)

    def write(self, rows: Iterable[Assigned]) -> None:
        """Add rows."""
        self._csv.writerows(_cells(row) for row in rows)

    def close(self) -> None:
        """Put the report in place."""
        self._file.close()
        with new_file(self.path) as temporary:
            self._temporary.replace(temporary)

    def discard(self) -> None:
        """Leave no unfinished report behind; does nothing after `close`."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _cells(row: Assigned) -> list[str]:
    return [
        row.path,
        row.outcome.value,
        SEPARATOR.join(row.characters),
        _number(row.distance),
        row.runner_up or "",
        _number(row.runner_up_distance),
        row.digest or "",
        row.reason,
        row.nearest or "",
        SEPARATOR.join(row.placed),
    ]


def _number(distance: float | None) -> str:
    return "" if distance is None else f"{distance:.4f}"


def publish(output: Path, report: Path) -> Path:
    """Copy a finished report to OUT/report.csv, or beside it when something else bears that name; return where."""
    target = output / "report.csv"
    if _exists(target) and not _is_ours(target, report.parent):
        target = output / f"report-{report.stem}.csv"
    with new_file(target) as temporary:
        shutil.copyfile(report, temporary)
    return target


def withdraw(output: Path, journal_folder: Path, run_id: str | None = None) -> None:
    """Take a run's reports (or all, for None) out of OUT, and bring back the newest of the others."""
    reports = journal_folder / "reports"
    own = list(reports.glob("*.csv" if run_id is None else f"{run_id}-pass*.csv"))
    for report in own:
        for target in (output / "report.csv", output / f"report-{report.stem}.csv"):
            if _exists(target) and not target.is_symlink() and _same(target, report):
                target.unlink()
    for report in own:
        report.unlink()
    others = sorted(reports.glob("*.csv"), key=lambda path: path.stat().st_mtime_ns)
    if others and not _exists(output / "report.csv"):
        publish(output, others[-1])


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_ours(target: Path, reports: Path) -> bool:
    regular = target.is_file() and not target.is_symlink()
    return regular and any(_same(target, report) for report in reports.glob("*.csv"))


def _same(one: Path, other: Path) -> bool:
    return file_digest(bytes(one)) == file_digest(bytes(other))
