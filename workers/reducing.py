"""Reduce a run: assign every embedded image, place it, report every file.

Streams chunk by chunk. Doing it twice changes nothing; a reducer that died is continued by the next.
"""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from store.assignments import Assignments, FinalOutcome, write_all
from store.files import sweep
from store.journal import Journal
from store.operation import Image
from store.outcomes import ChunkOutcomes
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

_LINKED_TOGETHER = 4096
"""Files for which the journal, and the folders, are made durable at once; a few seconds of work."""

_UNWRITTEN = 2
"""Batches whose outcomes may wait for the disk."""

_TURN_S = 0.0005
"""How long a thread computes while another one wants to."""

Progress = Callable[[int, int], None]
_Assigned = tuple[ChunkOutcomes, Assignments]


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
    # One thread assigns, one places and reports, others write; by default each may wait 5 ms for its turn.
    sys.setswitchinterval(_TURN_S)
    pass_ = run.pass_(pass_number)
    unread = sum(1 for part in (run.archive, pass_.references) for _ in part.unread_chunks())
    if unread:
        raise NotReady(f"run {run.id}: {unread} chunks are not embedded yet; `producer resume {run.id}` sends them")
    assigner = Assigner(store, run, pass_)  # before anything is made in the output folder: it may refuse
    if not run.output.exists():
        run.mark("makes_output")
    with Journal(run.output, run.roots, wait_s=wait_s, makes_output=run.marked("makes_output")) as journal:
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

    def add(self, rows: Assignments) -> None:
        self.outcomes.update(rows.outcome)
        self.characters.update(chain.from_iterable(rows.characters))
        if len(self.failed) < SHOWN:
            failed = zip(rows.path, rows.outcome, rows.reason, strict=True)
            lines = (f"{path}: {reason}" for path, outcome, reason in failed if outcome is FinalOutcome.UNREADABLE)
            self.failed += islice(lines, SHOWN - len(self.failed))


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
        duplicates = Duplicates(self._assigner.digests(chunk) for chunk in chunks)
        totals = _Totals()
        report = ReportWriter(self._journal.folder, self._run.id, self._pass.number)
        try:
            with ThreadPoolExecutor(1, "assignments") as pool:
                written: deque[Future[None]] = deque()
                number = 0
                for together in _one_ahead(self._batches(chunks)):
                    self._place(together, duplicates)
                    batch = [rows for _, rows in together]
                    paths = [self._pass.assignments_path(chunk) for chunk in chunks[number : number + len(batch)]]
                    written.append(pool.submit(write_all, paths, batch))
                    if len(written) > _UNWRITTEN:
                        written.popleft().result()
                    for rows in batch:
                        report.write(rows)
                        totals.add(rows)
                        number += 1
                        progress(number, len(chunks))
                for future in written:
                    future.result()
            report.close()
        finally:
            report.discard()
        self._placer.take_away_emptied(self._pass.number)
        published = publish(self._journal, self._output, report.path)
        self._placer.tally.add_earlier(earlier, self._spec.mode)
        return self._summary(totals, published)

    def _batches(self, chunks: list[int]) -> Iterator[list[_Assigned]]:
        """Assigned chunks that are placed together: many where a file takes no time, one by one where it is copied."""
        batch: list[_Assigned] = []
        for chunk in chunks:
            batch.append(self._assigner.chunk(chunk))
            if self._spec.mode in ("copy", "move") or sum(len(found.kinds) for found, _ in batch) >= _LINKED_TOGETHER:
                yield batch
                batch = []
        if batch:
            yield batch

    def _place(self, together: list[_Assigned], duplicates: Duplicates) -> None:
        """Find the duplicates of some chunks, place the other pictures, and complete the rows by both."""
        batch: list[Wanted] = []
        for found, rows in together:
            for row in found.embedded:
                first = self._first_of(found, row, rows.path[row], duplicates)
                batch.append(self._wanted(found, row, () if first else self._folders_of(rows, row)))
                if first:
                    rows.outcome[row], rows.characters[row] = FinalOutcome.DUPLICATE, ()
                    rows.reason[row] = f"same content as {first}"
        placed = iter(self._placer.place(batch))
        for found, rows in together:
            for row in found.embedded:
                rows.placed[row] = tuple(self._below(target) for target in sorted(next(placed)))

    def _first_of(self, found: ChunkOutcomes, row: int, name: str, duplicates: Duplicates) -> str | None:
        """The earlier file with the same bytes, or where a move has put one; None for the first."""
        digest = found.digests[row]
        assert digest is not None  # an embedded file was read, so its digest is known
        first = duplicates.first_of(digest, name)
        if first is None and self._anything_moved:
            target = self._journal.moved_twin(self._image(found, row), digest)
            first = None if target is None else f"{self._below(target)} in the output"
        return first

    @cached_property
    def _anything_moved(self) -> bool:
        """Whether originals have ever been moved to this output, or are about to be."""
        return self._spec.mode == "move" or self._journal.anything_moved()

    def _wanted(self, found: ChunkOutcomes, row: int, folders: tuple[str, ...]) -> Wanted:
        image = self._image(found, row)
        keep = self._spec.mode == "move" and os.path.realpath(image.path) != image.path
        return Wanted(image, folders, found.digests[row] or b"", keep)

    def _image(self, found: ChunkOutcomes, row: int) -> Image:
        return Image(os.path.join(self._root, found.paths[row]), found.members[row])

    def _folders_of(self, rows: Assignments, row: int) -> tuple[str, ...]:
        if rows.outcome[row] is FinalOutcome.ASSIGNED:
            return tuple(self._folders[name] for name in rows.characters[row])
        return (REVIEW,) if rows.outcome[row] is FinalOutcome.REVIEW else (UNKNOWN,)

    def _below(self, target: bytes) -> str:
        """A placed file's path below the output, for a person."""
        return os.path.relpath(target, bytes(self._output)).decode("utf-8", "backslashreplace")

    def _summary(self, totals: _Totals, report: Path) -> dict[str, Any]:
        tally = self._placer.tally
        return {
            "files": sum(totals.outcomes.values()),
            "outcomes": {outcome.value: totals.outcomes[outcome] for outcome in FinalOutcome},
            "characters": dict(sorted(totals.characters.items())),
            "read": asdict(self._run.archive.counts() + self._pass.references.counts()),
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


def _one_ahead(batches: Iterator[list[_Assigned]]) -> Iterator[list[_Assigned]]:
    """The same batches; while one is worked on, a thread makes the next."""
    with ThreadPoolExecutor(1, "assign") as pool:
        coming: Future[list[_Assigned]] = pool.submit(next, batches, [])
        while batch := coming.result():
            coming = pool.submit(next, batches, [])
            yield batch
