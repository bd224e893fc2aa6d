"""The progress of a run, from the files of the store and, while it is running, from the counters in Redis."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from model.counted_nouns import counted
from model.dataset.reserved_folders import is_negative
from producer.exclusion import PassedOver
from store.counts import Counts
from store.location import storage_of
from store.part import ScanTotals
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from tasks.errors import BrokerUnreachable
from tasks.ledger import PassProgress
from tasks.worker_registry import LiveWorker

if TYPE_CHECKING:
    from tasks.queue_client import Queue  # loads Redis, which a run that has ended needs no more

__all__ = ["SILENT_S", "RunState", "RunStatus", "StatusReader", "describe_references", "read_status"]

SILENT_S = 120.0
"""A chunk takes seconds to a minute. If none was finished for this long, a worker may have died with its chunks."""

_SOON_S = 1.0
"""How often a store is read at most when the outcome may appear at any moment, if each look costs something."""


class RunState(StrEnum):
    """The state of a run."""

    SCANNING = "scanning"
    EMBEDDING = "embedding"
    REDUCING = "reducing"
    FAILED = "failed"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDONE = "undone"


@dataclass(frozen=True)
class RunStatus:
    """A snapshot of a run.

    Attributes:
        run: Its id.
        state: Its state. STOPPED: its private broker is gone, or the producer died during its scan; `producer resume`
            continues it.
        archive: The archive.
        output: The output.
        scanned: Files seen in the archive so far.
        reused: Of these, files that have not changed since an earlier run.
        passed_over: Numbers of folders and files that were skipped, and of files that were still being written.
        to_read: Files to read, reference pictures included.
        embedded: Files read and embedded.
        failed: Unreadable files.
        unsupported: Files that are not pictures.
        remaining: Files still to be read.
        images_per_s: Recent rate; None if unknown.
        left_s: Seconds left at that rate; None if unknown.
        silent_s: Seconds since the last chunk was finished, while some remain; None before the first.
        shared: Parts that several reducers have assigned, and their total; zeros if one reducer does all.
        reduced: Chunks assigned and placed, and their total.
        workers: The workers alive.
        errors: Chunks that failed on every attempt, with the reason.
        references: The number of characters of the current pass, in words.
        rule: Its rule, in words.
        summary: The outcome, once the run is done.
    """

    run: str
    state: RunState
    archive: str
    output: str
    scanned: int = 0
    reused: int = 0
    passed_over: PassedOver = field(default_factory=PassedOver)
    to_read: int = 0
    embedded: int = 0
    failed: int = 0
    unsupported: int = 0
    remaining: int = 0
    images_per_s: float | None = None
    left_s: float | None = None
    silent_s: float | None = None
    shared: tuple[int, int] = (0, 0)
    reduced: tuple[int, int] = (0, 0)
    workers: list[LiveWorker] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    references: str = ""
    rule: str = ""
    summary: dict[str, Any] | None = None

    @property
    def reducing(self) -> tuple[str, int, int]:
        """The current step of the reduction, how much of it is done, and its total; 0 of 0 if unknown."""
        if self.shared[1] and not self.reduced[1]:
            return "assigning (parts)", *self.shared
        return "assigning and placing (chunks)", *self.reduced

    @property
    def ended(self) -> bool:
        """Whether the run will not change without a command."""
        return self.state not in (RunState.SCANNING, RunState.EMBEDDING, RunState.REDUCING)


def read_status(run: Run, queue: Queue | None) -> RunStatus:
    """Read a run's status; from the files alone if there is no queue or it does not answer."""
    return StatusReader(run, queue).read()


@dataclass(frozen=True)
class _Files:
    """What the store holds about a run.

    Attributes:
        spec: The run.
        number: The current pass.
        characters: The number of characters with references, in words.
        rule: The rule, in words.
        marks: The run's marks.
        archive: The totals of the archive's scan, once it has ended.
        references: The same of the pass' references.
        summary: The outcome of the pass, once it is done.
        listed: Whether a process lists the run.
        read_s: Monotonic time of this read.
    """

    spec: RunSpec
    number: int
    characters: str
    rule: str
    marks: set[str] = field(default_factory=set)
    archive: ScanTotals | None = None
    references: ScanTotals | None = None
    summary: dict[str, Any] | None = None
    listed: bool = True
    read_s: float = 0.0


class StatusReader:
    """Reads a run's status repeatedly: the counters in Redis every time, the store as often as it is cheap.

    Files that never change are read once. From object storage only the run's marks are read while it is running, by one
    small request now and then; the rest is read when the counters say that it exists.
    """

    def __init__(self, run: Run, queue: Queue | None) -> None:
        self._run = run
        self._queue = queue
        self._storage = storage_of(run.folder)
        self._files: _Files | None = None
        self._counts: Counts | None = None

    def read(self) -> RunStatus:
        """Read the current status."""
        number = self._run.last_pass.number if self._files is None or not self._storage.poll_s else self._files.number
        live, workers, reachable = self._ask(number)
        files = self._files = self._look(number, live)
        return self._status(files, live, workers, reachable)

    def _ask(self, number: int) -> tuple[PassProgress | None, list[LiveWorker], bool]:
        """The live counters and workers, and whether the queue answers."""
        if self._queue is None:
            return None, [], False
        try:
            return *self._queue.look(self._run.id, number), True
        except BrokerUnreachable:
            return None, [], False

    def _look(self, number: int, live: PassProgress | None) -> _Files:
        """What the files say; files that cannot have changed are not read again."""
        run, before = self._run, self._files
        placed = live is None or (live.to_reduce > 0 and live.reduced >= live.to_reduce)
        read = live is None or live.complete
        if before is None or not self._storage.poll_s:
            before = _unchanging(run, number, before)
        elif time.monotonic() - before.read_s < (_SOON_S if placed else self._storage.poll_s):
            return before
        elif self._queue is not None and live is not None and self._queue.ledger.known(run.id, number + 1):
            before = _unchanging(run, run.last_pass.number, None)
        pass_ = run.pass_(before.number)
        every = before.read_s == 0.0 or not self._storage.poll_s
        scanned = every or live is None or live.expected is not None
        archive = before.archive or (run.archive.totals if scanned else None)
        return replace(
            before,
            marks=run.marks,
            archive=archive,
            references=before.references or pass_.references.totals,
            summary=pass_.summary if every or placed or read else before.summary,
            listed=archive is not None or _listed_now(run),
            read_s=time.monotonic(),
        )

    def _status(
        self, files: _Files, live: PassProgress | None, workers: list[LiveWorker], reachable: bool
    ) -> RunStatus:
        run, archive, references, summary = self._run, files.archive, files.references, files.summary
        # State and summary come from the same read, so they cannot contradict each other.
        done = summary is not None and "undone" not in files.marks
        scanned = archive.files if archive else live.scanned if live else 0
        to_read = sum(totals.to_read for totals in (archive, references) if totals)
        if archive is None and live:
            to_read += live.to_read
        if live is not None and summary is None:
            embedded, failed, unsupported = live.embedded, live.unreadable, live.unsupported
        else:
            counts = Counts(**summary["read"]) if summary and "read" in summary else self._shards(files.number)
            embedded, failed, unsupported = counts.embedded, counts.unreadable, counts.unsupported
        remaining = max(0, to_read - embedded - failed - unsupported)
        silent_s = max(0.0, time.time() - live.last_done_s) if live and live.last_done_s and remaining else None
        # A rate from before a standstill says nothing about the time left.
        rate = live.images_per_s if live and (silent_s or 0.0) < SILENT_S else None
        return RunStatus(
            run=run.id,
            state=RunState.DONE if done else _state(files, live, reachable, remaining),
            archive=run.roots.shown(files.spec.archive),
            output=run.roots.shown(files.spec.output),
            scanned=scanned,
            reused=archive.reused if archive else 0,
            passed_over=PassedOver.of(archive) if archive else PassedOver(),
            to_read=to_read,
            embedded=embedded,
            failed=failed,
            unsupported=unsupported,
            remaining=remaining,
            images_per_s=rate,
            left_s=remaining / rate if rate and remaining else None,
            silent_s=silent_s,
            shared=live.shared if live else (0, 0),
            reduced=(live.reduced, live.to_reduce) if live else (0, 0),
            workers=workers,
            errors=live.errors if live and summary is None else {},
            references=files.characters,
            rule=files.rule,
            summary=summary,
        )

    def _shards(self, number: int) -> Counts:
        """The sum of the shards' counts; read once from object storage."""
        if self._counts is None or not self._storage.poll_s:
            self._counts = self._run.archive.counts() + self._run.pass_(number).references.counts()
        return self._counts


def _unchanging(run: Run, number: int, before: _Files | None) -> _Files:
    """The files that are written once; not read again for the same pass."""
    if before is not None and before.number == number:
        return before
    spec = run.pass_(number).spec
    return _Files(
        spec=run.spec if before is None else before.spec,
        number=number,
        characters=describe_references(spec.characters),
        rule=_rule(spec),
    )


def describe_references(names: list[str]) -> str:
    """`14 characters of 2 series, 1 folder of negatives`; a slash in a name separates the series."""
    negatives = sum(map(is_negative, names))
    series = {name.rpartition("/")[0] for name in names if "/" in name and not is_negative(name)}
    return (
        counted(len(names) - negatives, "character")
        + (f" of {len(series):,} series" if series else "")
        + (f", {counted(negatives, 'folder')} of negatives" if negatives else "")
    )


def _rule(spec: PassSpec) -> str:
    """`strangers 10%, match centroid, margin 0.02`; of a pass of an older version the origin of its threshold too."""
    more = f", margin {spec.margin:g}" + (", several characters a picture" if spec.multiple else "")
    band = f", band {spec.band:g}" if spec.band else ""
    limit = f"strangers {spec.strangers:.0%}" if spec.threshold is None else f"threshold {spec.threshold:.4f}"
    return f"{limit}, match {spec.match}{more}{band}" + (f" ({spec.remark})" if spec.remark else "")


def _listed_now(run: Run) -> bool:
    """Whether a process lists the run; if not, nobody will scan the rest."""
    try:
        return run.lister is not None or run.archive.totals is not None
    except OSError:
        return True  # the storage does not answer


def _state(files: _Files, live: PassProgress | None, reachable: bool, remaining: int) -> RunState:
    if "undone" in files.marks:
        return RunState.UNDONE
    if "cancelled" in files.marks:
        return RunState.CANCELLED
    if not reachable or live is None:
        return RunState.STOPPED
    # A failed chunk ends a run only when all other chunks are done.
    if live.stuck:
        return RunState.FAILED
    if files.archive is None:
        return RunState.SCANNING if files.listed else RunState.STOPPED
    return RunState.EMBEDDING if remaining else RunState.REDUCING
