"""What a run leaves behind, to be compared with what an undisturbed one leaves."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import Collection, layout

__all__ = ["Ending", "reads", "temporary_files"]


@dataclass(frozen=True)
class Ending:
    """A run's outcome.

    Attributes:
        layout: Every file in the output and its digest, the report among them.
        report: Its rows by path.
        summary: The counts, without the report's path.
    """

    layout: dict[str, str]
    report: dict[str, tuple[str, ...]]
    summary: dict[str, Any]

    @classmethod
    def of(cls, collection: Collection, summary: dict[str, Any]) -> Ending:
        """Look at it."""
        with open(collection.output / "report.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert len({row[0] for row in rows}) == len(rows), "a file stands twice in the report"
        counts = {key: value for key, value in summary.items() if key != "report"}
        return cls(layout(collection.output), {row[0]: tuple(row) for row in rows}, counts)

    def differences(self, other: Ending) -> list[str]:
        """Where this ending is not as the other, one line each."""
        found = []
        for name in ("layout", "report", "summary"):
            mine, theirs = getattr(self, name), getattr(other, name)
            keys = [key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)]
            found += [f"{name} {key}: {mine.get(key)} instead of {theirs.get(key)}" for key in sorted(keys)]
        return found


def reads(path: Path) -> Counter[bytes]:
    """How often embed workers opened each picture. An archive file does not count: it is opened for each member."""
    opened = path.read_bytes().splitlines() if path.exists() else []
    return Counter(name for name in opened if not name.endswith((b".zip", b".cbz")))


def temporary_files(collection: Collection) -> list[str]:
    """Unfinished files in the output, in the store, in the archive."""
    roots = (collection.output, collection.store, collection.archive)
    return [str(path) for root in roots for path in root.rglob(".oshiwake-*")]
