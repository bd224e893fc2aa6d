"""What the outcomes of a pass add up to, for its summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from model.images.formats import NOT_SUPPORTED
from store.assignments import Assignments, FinalOutcome

__all__ = ["SHOWN", "Totals"]

SHOWN = 10
"""How many failed files a summary names."""


@dataclass
class Totals:
    """Counts of the files of a pass.

    Attributes:
        outcomes: Files by the value of their outcome.
        characters: Files by the characters that they were given.
        failed: The first unreadable files, a line each.
        kinds: Unsupported files by their kind, where it is known.
        chances: The sum of the chances that the names of files are right, and their number.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    chances: tuple[float, int] = (0.0, 0)

    @property
    def confidence(self) -> float | None:
        """The share of names that are expected to be right; None where no chance is known."""
        total, count = self.chances
        return total / count if count else None

    def add(self, rows: Assignments) -> None:
        """Count some files more."""
        self.outcomes.update(_tally(rows["outcome"]))
        self.characters.update(_tally(pc.list_flatten(rows["characters"])))
        reasons = rows["reason"].filter(pc.equal(rows["outcome"], FinalOutcome.UNSUPPORTED.value))
        known = reasons.filter(pc.starts_with(reasons, NOT_SUPPORTED))
        self.kinds.update({reason.removeprefix(NOT_SUPPORTED): count for reason, count in _tally(known).items()})
        chances = rows["confidence"].drop_null()
        total, count = self.chances
        self.chances = (total + float(pc.sum(chances, min_count=0).as_py()), count + len(chances))
        if len(self.failed) < SHOWN:
            failed = rows.table.filter(pc.equal(rows["outcome"], FinalOutcome.UNREADABLE.value))
            lines = pc.binary_join_element_wise(failed["path"], failed["reason"], ": ").to_pylist()
            self.failed += lines[: SHOWN - len(self.failed)]


def _tally(values: pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs."""
    return {one["values"]: one["counts"] for one in pc.value_counts(values).to_pylist()}
