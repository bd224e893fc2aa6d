"""Reduce a run: assign every embedded image, place it, report every file.

Streams chunk by chunk. Doing it twice changes nothing; a reducer that died is continued by the next.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.dataset.reserved_folders import is_negative
from store.assignments import Assignments, FinalOutcome, write_all
from store.columns import readable_column
from store.errors import StaleShard
from store.file_operation import Image
from store.journal import Journal
from store.location import Location, storage_of
from store.mode import Mode
from store.outcomes import ChunkOutcomes
from store.readable_names import readable_path
from store.run import Run
from store.run_pass import Pass, PassSpec
from store.store import Store
from workers.assigning import Assigner
from workers.duplicates import Duplicates
from workers.errors import NotReady, PassOver
from workers.gone import gone_images
from workers.naming import REVIEW, UNKNOWN, folder_names
from workers.outcome_totals import SHOWN, Totals
from workers.output import open_journal, recover
from workers.pass_wanted import need_wanted
from workers.placing import Placer, Wanted
from workers.preparing import prepare_pass
from workers.report.publish import publish
from workers.report.writer import ReportWriter
from workers.undo_run import remove_unused

__all__ = ["reduce_run"]

_LINKED_TOGETHER = 4096
"""Files for which the journal, and the folders, are made durable at once; a few seconds of work."""

_ASIDE = {FinalOutcome.UNKNOWN.value: (UNKNOWN,), FinalOutcome.REVIEW.value: (REVIEW,)}
"""Folders of the pictures that get no name."""

_ASSIGNING = 2
"""Threads that assign. Most of their time goes into products of matrices, which run side by side."""

_UNWRITTEN = 2
"""Batches whose outcomes may wait for the disk."""

OnProgress = Callable[[int, int], None]
_Assigned = tuple[ChunkOutcomes, Assignments]


def reduce_run(
    store: Store, run: Run, pass_number: int, *, wait_s: float = 5.0, progress: OnProgress = lambda done, total: None
) -> dict[str, Any]:
    """Assign, place and report; return the summary that the pass keeps.

    Args:
        store: The store.
        run: The run.
        pass_number: Which pass.
        wait_s: How long to wait for another process that places files in the same output folder.
        progress: Called with the numbers of chunks done and in all.

    Raises:
        PassOver: Nobody wants the pass any more. It stops where it is, and nothing is made anew in the output.
        NotReady: Chunks are missing, or no reference picture can be read.
        OutputGone: An earlier pass, or a reducer that died, has placed files in an output that is not there now.
        JournalBusy: The output folder is still held by another process.
        StoreError: The store or the output folder cannot be used.
    """
    try:
        with store.fetching_once() as near:
            return _reduce_run(near, Run(near.runs, run.id, near.roots), pass_number, wait_s, progress)
    except StaleShard as error:
        error.path.unlink(missing_ok=True)
        raise NotReady(f"run {run.id}: {error}; `producer resume {run.id}` reads these files again") from error


def _reduce_run(store: Store, run: Run, pass_number: int, wait_s: float, progress: OnProgress) -> dict[str, Any]:
    need_wanted(run, pass_number)
    pass_ = run.pass_(pass_number)
    if (done := pass_.summary) is not None:
        return done
    unread = sum(1 for part in (run.archive, pass_.references) for _ in part.unread_chunks())
    if unread:
        raise NotReady(f"run {run.id}: {unread} chunks are not embedded yet; `producer resume {run.id}` sends them")
    prepare_pass(store, run, pass_, wait_s=wait_s)
    assigner = Assigner(store, run, pass_)  # before anything is made in the output folder: it may refuse
    with open_journal(run, wait_s) as journal:
        if (done := pass_.summary) is not None:
            return done  # by the one that was waited for
        _need_wanted_still(journal, run, pass_number)
        run.note_journal(journal.id)  # from now on no other output will do
        recover(journal)
        journal.begin_pass(run.id, pass_number, run.archive.root)
        reducer = _Reducer(store, run, pass_, journal, assigner)
        summary = reducer.reduce(progress)
        if journal.empty:
            run.note_journal(None)
        storage_of(run.folder).clean_up(run.folder)
        pass_.finish(summary)
        assigner.forget()
    return summary


def _need_wanted_still(journal: Journal, run: Run, pass_number: int) -> None:
    """Look again, now that nobody else places or undoes; an output that an undo has just taken away goes again."""
    try:
        need_wanted(run, pass_number)
    except PassOver:
        remove_unused(journal, run)
        raise


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
        names = {*assigner.gallery.names, *assigner.corrections.characters}
        self._folders = assigner.corrections.folders(folder_names(name for name in names if not is_negative(name)))
        self._by_person = assigner.corrections.by_person

    def reduce(self, progress: OnProgress) -> dict[str, Any]:
        """All chunks, the report, the summary."""
        chunks = self._run.archive.listed_chunks()
        earlier = self._journal.done_in_pass(self._run.id, self._pass.number)
        duplicates = Duplicates(self._assigner.digests(chunk) for chunk in chunks)
        totals = Totals()
        report = ReportWriter(self._journal.folder, self._run.id, self._pass.number)
        try:
            with ThreadPoolExecutor(1, "assignments") as pool:
                written: deque[Future[None]] = deque()
                number = 0
                for together in self._batches(_ahead(self._assigner.chunk, chunks)):
                    need_wanted(self._run, self._pass.number)
                    found = ChunkOutcomes.joined([found for found, _ in together])
                    rows = self._place(found, Assignments.joined([rows for _, rows in together]), duplicates)
                    paths = [self._pass.assignments_path(chunk) for chunk in chunks[number : number + len(together)]]
                    apart = rows.apart([len(found.table) for found, _ in together])
                    written.append(pool.submit(write_all, paths, apart))
                    if len(written) > _UNWRITTEN:
                        written.popleft().result()
                    report.write(rows)
                    totals.add(rows)
                    for _ in together:
                        number += 1
                        progress(number, len(chunks))
                for future in written:
                    future.result()
            report.close()
        finally:
            report.discard()
        self._placer.remove_emptied(self._pass.number)
        gone = sum(1 for _ in gone_images(self._journal, bytes(self._output), self._root, duplicates))
        published = publish(self._journal, self._output, report.path)
        self._placer.tally.add_earlier(earlier, self._spec.mode)
        return self._summary(totals, gone, published)

    def _batches(self, assigned: Iterator[_Assigned]) -> Iterator[list[_Assigned]]:
        """Chunks that are placed together: many where a file takes no time, one by one where it is copied."""
        batch: list[_Assigned] = []
        for found, rows in assigned:
            batch.append((found, rows))
            if (
                self._spec.mode in (Mode.COPY, Mode.MOVE)
                or sum(len(found.table) for found, _ in batch) >= _LINKED_TOGETHER
            ):
                yield batch
                batch = []
        if batch:
            yield batch

    def _place(self, found: ChunkOutcomes, rows: Assignments, duplicates: Duplicates) -> Assignments:
        """Find the duplicates of some files, place the other pictures, and complete the rows by both."""
        images, digests, folders = self._images(found), found.digests, self._folders_of(rows, found.embedded)
        repeated = self._repeated(images, digests, rows, found.embedded, duplicates)
        wanted = [
            self._wanted(image, () if k in repeated else folders[k], digests[k].tobytes())
            for k, image in enumerate(images)
        ]
        return self._completed(rows, found.embedded, repeated, self._placer.place(wanted))

    def _wanted(self, image: Image, folders: tuple[str, ...], digest: bytes) -> Wanted:
        return Wanted(image, folders, digest, self._keeps(image), digest in self._by_person)

    def _images(self, found: ChunkOutcomes) -> list[Image]:
        """The embedded files among some."""
        files = found.table.select(["path", "member"]).take(found.embedded)
        paths = pc.binary_join_element_wise(os.path.join(self._root, b""), files["path"], b"")
        return list(map(Image, paths.to_pylist(), files["member"].to_pylist()))

    def _repeated(
        self,
        images: list[Image],
        digests: NDArray[np.uint8],
        rows: Assignments,
        embedded: NDArray[np.int64],
        duplicates: Duplicates,
    ) -> dict[int, str]:
        """For each image whose bytes an earlier file has, where that one is, or where a move has put it."""
        first = duplicates.find(digests, lambda k: str(rows["path"][int(embedded[k])]))
        if self._anything_moved:
            for k, image in enumerate(images):
                target = None if k in first else self._journal.moved_twin(image, digests[k].tobytes())
                if target is not None:
                    first[k] = f"{self._below(target)} in the output"
        return first

    def _folders_of(self, rows: Assignments, embedded: NDArray[np.int64]) -> list[tuple[str, ...]]:
        """The folders in which embedded files belong."""
        some = rows.table.select(["outcome", "characters"]).take(embedded)
        return [
            tuple(self._folders[name] for name in names) if names else _ASIDE[outcome]
            for outcome, names in zip(some["outcome"].to_pylist(), some["characters"].to_pylist(), strict=True)
        ]

    def _keeps(self, image: Image) -> bool:
        return self._spec.mode == Mode.MOVE and os.path.realpath(image.path) != image.path

    def _completed(
        self, rows: Assignments, embedded: NDArray[np.int64], again: dict[int, str], placed: list[list[bytes]]
    ) -> Assignments:
        """The rows with the duplicates among the embedded files, and with the places of all of these."""
        size = len(rows.table)
        counts = np.zeros(size + 1, np.int32)
        counts[1:][embedded] = [len(targets) for targets in placed]
        places = pa.array([self._under(target) for targets in placed for target in sorted(targets)], pa.binary())
        columns = {"placed": pa.ListArray.from_arrays(np.cumsum(counts, dtype=np.int32), readable_column(places))}
        if again:
            at = np.zeros(size, np.bool_)
            at[embedded[list(again)]] = True
            mask = pa.array(at)
            reasons = pa.array([f"same content as {again[k]}" for k in sorted(again)])
            columns["outcome"] = pc.if_else(mask, FinalOutcome.DUPLICATE.value, rows["outcome"])
            columns["characters"] = pc.if_else(mask, pa.scalar([], rows["characters"].type), rows["characters"])
            columns["reason"] = pc.replace_with_mask(rows["reason"], mask, reasons)
        return rows.replaced(**columns)

    @cached_property
    def _anything_moved(self) -> bool:
        """Whether originals have ever been moved to this output, or are about to be."""
        return self._spec.mode == Mode.MOVE or self._journal.anything_moved()

    def _under(self, target: bytes) -> bytes:
        """A placed file's path below the output."""
        top = os.path.join(bytes(self._output), b"")
        return target.removeprefix(top) if target.startswith(top) else os.path.relpath(target, top)

    def _below(self, target: bytes) -> str:
        """The same for a person."""
        return readable_path(self._under(target))

    def _summary(self, totals: Totals, gone: int, report: Location) -> dict[str, Any]:
        tally = self._placer.tally
        far = self._assigner.far_characters()
        calibration = self._assigner.calibration
        return {
            "files": sum(totals.outcomes.values()),
            "outcomes": {outcome.value: totals.outcomes[outcome] for outcome in FinalOutcome},
            "characters": dict(sorted(totals.characters.items())),
            "read": asdict(self._run.archive.counts() + self._pass.references.counts()),
            "unsupported_kinds": dict(totals.kinds.most_common()),
            "failed": totals.failed,
            "bad_references": self._assigner.bad_references,
            "far_characters": [asdict(one) for one in far[:SHOWN]],
            "far_character_count": len(far),
            "threshold": round(calibration.threshold, 4),
            "strangers_named": _rounded(calibration.strangers_named),
            "known_missed": _rounded(calibration.known_missed),
            "confidence": _rounded(totals.confidence),
            "remark": calibration.remark,
            "placed": dict(sorted(tally.done.items())),
            "copied_instead": tally.copied_instead,
            "already": tally.already,
            "left_alone": tally.left_alone,
            "renamed": tally.renamed,
            "gone": gone,
            "problems": tally.problems[:SHOWN],
            "problem_count": len(tally.problems),
            "by_hand": asdict(self._assigner.corrections.decisions.by_hand),
            "decided": len(self._assigner.corrections.decisions.decisions),
            "unread_confirmed": self._assigner.corrections.decisions.unread,
            "report": str(report),
        }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _ahead(assign: Callable[[int], _Assigned], chunks: list[int]) -> Iterator[_Assigned]:
    """Assign chunks in order; while one is placed, threads are at work on the next ones."""
    pool = ThreadPoolExecutor(_ASSIGNING, "assign")
    coming: deque[Future[_Assigned]] = deque()
    try:
        for chunk in chunks:
            coming.append(pool.submit(assign, chunk))
            if len(coming) > 2 * _ASSIGNING:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
