"""Wait for a run and show its progress: a bar on a terminal, a line now and then in a log or a pipe."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from model.counted_nouns import counted, duration
from producer.errors import RunFailed
from producer.status import RunState, RunStatus, StatusReader
from store.run import Run
from tasks.child_process import ChildProcess

if TYPE_CHECKING:
    from tasks.queue_client import Queue

__all__ = ["ProgressView", "watch"]

_POLL_S = 0.25
_LINE_EVERY_S = 10.0
_SILENCE_S = 10.0
_SHORTEST_S = 1.0
"""A shorter time gives no rate: the first chunk may be done at once."""


@dataclass(frozen=True)
class _Phase:
    """What is being counted, the first number seen, and when that was."""

    what: str
    first: int
    since_s: float


class ProgressView:
    """Shows a status repeatedly, in the form that suits the console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._next_line_s = time.monotonic() + _LINE_EVERY_S
        self._phase = _Phase("", 0, 0.0)

    @contextlib.contextmanager
    def open(self) -> Iterator[ProgressView]:
        """Show the bar while the block runs."""
        with self._bar:
            self._task = self._bar.add_task("starting", total=None, speed="")
            yield self

    def scanned(self, files: int, to_read: int) -> None:
        """Show the progress of the scan."""
        rate = self._rate("scanning", files)
        speed = f"{rate:,.0f} files/s" if rate else ""
        self._update(f"scanning: {counted(files, 'file')}, {to_read:,} to read", None, None, speed)

    def count(self, what: str, done: int, total: int) -> None:
        """Show the progress of anything that is counted, with the time left."""
        rate = self._rate(what, done)
        self._update(what, done, total or None, f"{duration((total - done) / rate)} left" if rate and total else "")

    def show(self, status: RunStatus) -> None:
        """Show the status of a run."""
        if status.state is RunState.REDUCING:
            what, done, total = status.reducing
            self.count(what, done, total)
            return
        done = status.embedded + status.failed + status.unsupported
        rate = status.images_per_s or self._rate("read", done)  # the queue knows none before the second chunk
        speed = f"{rate:,.1f}/s" if rate else ""
        left = f", {duration(status.remaining / rate)} left" if rate and status.remaining else ""
        self._update(status.state.value, done, status.to_read or None, speed + left)

    def _rate(self, what: str, done: int) -> float | None:
        """How many a second, since this has been counted; None before the first."""
        if what != self._phase.what:
            self._phase = _Phase(what, done, time.monotonic())
        passed_s, number = time.monotonic() - self._phase.since_s, done - self._phase.first
        return number / passed_s if number > 0 and passed_s >= _SHORTEST_S else None

    def _update(self, text: str, done: int | None, total: int | None, speed: str) -> None:
        if self._console.is_terminal:
            assert self._task is not None  # set by open()
            if total is None and self._bar.tasks[0].total is not None:  # an update to None would keep the old total
                self._bar.remove_task(self._task)
                self._task = self._bar.add_task(text, total=None, speed=speed)
            self._bar.update(self._task, description=text, completed=done or 0, total=total, speed=speed)
        elif time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + _LINE_EVERY_S
            numbers = f" {done:,} of {total:,}" if done is not None and total else ""
            self._console.print(f"{text}{numbers} {speed}".rstrip(), highlight=False, soft_wrap=True)


def watch(run: Run, queue: Queue, view: ProgressView, children: Sequence[ChildProcess] = ()) -> RunStatus:
    """Show a run until it has ended.

    Raises:
        RunFailed: It ended without an outcome.
        FleetFailed: A process that we started ended by itself.
    """
    silent_since_s: float | None = None
    reader = StatusReader(run, queue)
    while True:
        for child in children:
            child.check()
        status = reader.read()
        view.show(status)
        if status.state is not RunState.STOPPED:
            silent_since_s = None
        elif silent_since_s is None:
            silent_since_s = time.monotonic()
        # A restarting broker answers again soon; a run that ended for another reason stays ended.
        patient = silent_since_s is not None and time.monotonic() - silent_since_s < _SILENCE_S
        if status.ended and not patient:
            break
        time.sleep(_POLL_S)
    if status.state is RunState.FAILED:
        chunk, reason = next(iter(status.errors.items()))
        raise RunFailed(f"run {run.id} failed at {chunk}: {reason}; fix the cause, then `producer resume {run.id}`")
    return status
