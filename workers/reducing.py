"""Reduce a run: assign every embedded image, place it, report every file.

Streams chunk by chunk. Doing it twice changes nothing; a reducer that died is continued by the next.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from store.assignments import Assigned, FinalOutcome, write_assignments
from store.files import sweep
from store.journal import Journal
from store.listing import Kind
from store.operation import Image
from store.outcomes import Outcome, Outcomes
from store.run import Pass, PassSpec, Run
from store.store import Store
from workers.assigning import Assigner
from workers.duplicates import Duplicates
from workers.errors import NotReady
from workers.naming import NEGATIVE_PREFIX, REVIEW, UNKNOWN, folder_names
from workers.placing import Placer, Wanted, recover
from workers.report import ReportWriter, publish

__all__ = ["SHOWN", "reduce_run"]

SHOWN = 10
"""How many failed files a summary names."""

Progress = Callable[[int, int], None]


def reduce_run(
    store: Store, run: Run, pass_number: int, *, wait_s: float = 5.0, progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Assign, place and report; return the summary that the pass keeps.

    Args:
        store: The store.
        run: The run.
        pass_number: Which pass.
        wait_s: How long to wait for another process that places files in the same output folder.
        progress: Called with the numbers of chunks done and in all.

    Raises:
        NotReady: Chunks are missing, or no reference picture can be read.
        JournalBusy: The output folder is still held by another process.
        StoreError: The store or the output folder cannot be used.
    """
    pass_ = run.pass_(pass_number)
    unread = sum(1 for part in (run.archive, pass_.references) for _ in part.unread_chunks())
    if unread:
        raise NotReady(f"run {run.id}: {unread} chunks are not embedded yet; `producer resume {run.id}` sends them")
    assigner = Assigner(store, run, pass_)  # before anything is made in the output folder: it may refuse
    with Journal(run.output, run.roots, wait_s=wait_s) as journal:
        done = pass_.summary
        if done is not None:
            return done
        recover(journal)
        journal.begin_pass(run.id, pass_number)
        reducer = _Reducer(store, run, pass_, journal, assigner)
        summary = reducer.reduce(progress)
        sweep(run.folder)
        pass_.finish(summary)
        assigner.forget()
    return summary


@dataclass
class _Totals:
    """What the summary counts."""

    outcomes: Counter[FinalOutcome] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def add(self, rows: Sequence[Assigned]) -> None:
        for row in rows:
            self.outcomes[row.outcome] += 1
            self.characters.update(row.characters)
            if row.outcome is FinalOutcome.UNREADABLE and len(self.failed) < SHOWN:
                self.failed.append(f"{row.path}: {row.reason}")


class _Reducer:
    """One reduction under way."""

    def __init__(self, store: Store, run: Run, pass_: Pass, journal: Journal, assigner: Assigner) -> None:
        self._store = store
        self._run = run
        self._pass = pass_
        self._spec: PassSpec = pass_.spec
        self._output = run.output
        self._root = run.archive.root
        self._journal = journal
        self._placer = Placer(journal, self._output, run.id, self._spec.mode)
        self._assigner = assigner
        names = assigner.gallery.names
        self._folders = folder_names(name for name in names if not name.startswith(NEGATIVE_PREFIX))

    def reduce(self, progress: Progress) -> dict[str, Any]:
        """All chunks, the report, the summary."""
        chunks = self._run.archive.listed_chunks()
        earlier = self._journal.done_in_pass(self._run.id, self._pass.number)
        duplicates = self._find_duplicates()
        totals = _Totals()
        report = ReportWriter(self._journal.folder, self._run.id, self._pass.number)
        try:
            for number, chunk in enumerate(chunks):
                rows = self._reduce_chunk(*self._assigner.chunk(chunk), duplicates)
                write_assignments(self._pass.assignments_path(chunk), rows)
                report.write(rows)
                totals.add(rows)
                progress(number + 1, len(chunks))
            report.close()
        finally:
            report.discard()
        published = publish(self._journal, self._output, report.path)
        self._placer.tally.add_earlier(earlier, self._spec.mode)
        return self._summary(totals, published)

    def _find_duplicates(self) -> Duplicates:
        outcomes = Outcomes(self._store, vectors=False)
        return Duplicates(
            outcome.digest
            for chunk in outcomes.chunks(self._run.archive)
            for outcome in chunk.outcomes
            if outcome.kind is Kind.EMBEDDED and outcome.digest
        )

    def _reduce_chunk(self, outcomes: list[Outcome], rows: list[Assigned], duplicates: Duplicates) -> list[Assigned]:
        """Find the duplicates of one chunk, and place the others."""
        rows = list(rows)
        batch: list[Wanted] = []
        placed_rows: list[int] = []
        for index, outcome in enumerate(outcomes):
            if outcome.kind is not Kind.EMBEDDED:
                continue
            assert outcome.digest is not None  # an embedded file was read, so its digest is known
            first = duplicates.first_of(outcome.digest, outcome.listed.name) or self._moved_before(outcome)
            batch.append(self._wanted(outcome, () if first else self._folders_of(rows[index])))
            if first:
                reason = f"same content as {first}"
                rows[index] = replace(rows[index], outcome=FinalOutcome.DUPLICATE, characters=(), reason=reason)
            placed_rows.append(index)
        for index, targets in zip(placed_rows, self._placer.place(batch), strict=True):
            places = tuple(self._place(target) for target in sorted(targets))
            rows[index] = replace(rows[index], placed=places)
        return rows

    def _moved_before(self, outcome: Outcome) -> str | None:
        """The picture in the output with the same bytes whose original has left the archive by a move, or None."""
        image = Image(os.path.join(self._root, outcome.listed.path), outcome.listed.member)
        target = self._journal.moved_twin(image, outcome.digest or b"")
        return None if target is None else f"{self._place(target)} in the output"

    def _wanted(self, outcome: Outcome, folders: tuple[str, ...]) -> Wanted:
        path = os.path.join(self._root, outcome.listed.path)
        keep = self._spec.mode == "move" and os.path.realpath(path) != path
        return Wanted(Image(path, outcome.listed.member), folders, outcome.digest or b"", keep)

    def _folders_of(self, row: Assigned) -> tuple[str, ...]:
        if row.outcome is FinalOutcome.ASSIGNED:
            return tuple(self._folders[name] for name in row.characters)
        return (REVIEW,) if row.outcome is FinalOutcome.REVIEW else (UNKNOWN,)

    def _place(self, target: bytes) -> str:
        """A placed file's path below the output, for a person."""
        return os.path.relpath(target, os.fsencode(self._output)).decode("utf-8", "backslashreplace")

    def _summary(self, totals: _Totals, report: Path) -> dict[str, Any]:
        tally = self._placer.tally
        return {
            "files": sum(totals.outcomes.values()),
            "outcomes": {outcome.value: totals.outcomes[outcome] for outcome in FinalOutcome},
            "characters": dict(sorted(totals.characters.items())),
            "failed": totals.failed,
            "bad_references": self._assigner.bad_references,
            "placed": dict(sorted(tally.done.items())),
            "copied_instead": tally.copied_instead,
            "already": tally.already,
            "left_alone": tally.left_alone,
            "problems": tally.problems[:SHOWN],
            "problem_count": len(tally.problems),
            "report": str(report),
        }
