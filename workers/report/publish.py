"""OUT/report.csv: the outcome of every file, and the origin of everything in the output.

Each pass's report is kept beside the journal. OUT/report.csv is a copy of the newest with a line for each picture that
only earlier runs have placed (ADR 0024). An undo writes it again from what is left. The journal keeps the digests of
published reports, so a report.csv that a person wrote or edited is left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from store.durability import sync_file
from store.journal import Journal
from store.location import Location, storage_of
from workers.fileops import own_files
from workers.fileops.primitives import file_digest
from workers.naming import numbered
from workers.report.earlier import earlier_rows
from workers.report.writer import lines

__all__ = ["publish", "recover_reports", "withdraw"]

_PUBLISHED = "published"
"""Under this key the journal keeps the digests of all reports ever published, one after the other."""

_DIGEST_BYTES = 32


def publish(journal: Journal, output: Location, report: Location) -> Location:
    """Put a pass's report into OUT/report.csv, or beside it when something else bears that name; return where."""
    with _whole_report(journal, output, report) as content:
        digest, published = file_digest(bytes(content)), _published(journal)
        if digest not in published:
            published.append(digest)
            journal.note(_PUBLISHED, b"".join(published))
        return next(
            target
            for target in _targets(output, report)
            if own_files.put(content, digest, target, published.__contains__)
        )


def withdraw(journal: Journal, output: Location, run_id: str | None = None) -> None:
    """Take a run's reports (or all, for None) out of OUT, and bring the newest of the others back as it is now."""
    reports = journal.folder / "reports"
    own: list[Location] = list(reports.glob("*.csv" if run_id is None else f"{run_id}-pass*.csv"))
    names = {report.name for report in own}
    others: list[Location] = [report for report in reports.glob("*.csv") if report.name not in names]
    ours = _published(journal).__contains__
    for report in own:
        for target in output.glob(f"report-{report.stem}*.csv"):
            own_files.remove(target, ours)
    if others:
        publish(journal, output, max(others, key=_written_at))
    else:
        own_files.remove(output / "report.csv", ours)
    for report in own:
        report.unlink()


def recover_reports(journal: Journal) -> None:
    """Bring back what a killed process had moved aside to replace a report."""
    own_files.recover(journal.folder.parent, _published(journal).__contains__)


@contextlib.contextmanager
def _whole_report(journal: Journal, output: Location, report: Location) -> Iterator[Path]:
    """A pass's report with the rows of earlier runs, in a temporary file: in OUT, or on this machine for a bucket."""
    with storage_of(output).unfinished(output / "report.csv") as content:
        with content.open("wb") as file:
            with storage_of(report).open(bytes(report)) as finished:
                shutil.copyfileobj(finished, file)
            for rows in earlier_rows(journal, report):
                file.write(lines(rows))
        sync_file(content)
        yield content


def _targets(output: Location, report: Location) -> Iterator[Location]:
    """Where a report may stand, the best place first."""
    yield output / "report.csv"
    for n in count(1):
        yield output / os.fsdecode(numbered(os.fsencode(f"report-{report.name}"), n))


def _published(journal: Journal) -> list[bytes]:
    digests = journal.meta(_PUBLISHED) or b""
    assert isinstance(digests, bytes)  # only `publish` writes it
    return [digests[at : at + _DIGEST_BYTES] for at in range(0, len(digests), _DIGEST_BYTES)]


def _written_at(path: Location) -> tuple[int, str]:
    """When a report was written; servers tell seconds, and later passes have later names."""
    return storage_of(path).modified_ns(bytes(path)), path.name
