"""Shows how far a command is: a bar on a terminal, a line now and then in a log or a pipe."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from model.counted_nouns import duration

__all__ = ["LINE_OF_TRAINING_S", "WorkProgress"]

_LINE_EVERY_S = 10.0
LINE_OF_TRAINING_S = 60.0
"""Trainings take hours, and their logs are read as a whole."""


class WorkProgress:
    """Shows a piece of work with its rate and the time left, from its first moment on; to be opened by `with`."""

    def __init__(self, console: Console, unit: str, *, line_every_s: float = _LINE_EVERY_S) -> None:
        """Nothing is shown yet.

        Args:
            console: Where to show it.
            unit: What is counted, such as `pictures`.
            line_every_s: A log has a line so often.
        """
        self._line_every_s = line_every_s
        self._console = console
        self._unit = unit
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
        self._task = self._bar.add_task("starting", total=None, speed="")
        self._text, self._total, self._before = "", 0, 0
        self._start_s = self._next_line_s = 0.0

    def __enter__(self) -> WorkProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, text: str, total: int = 0, *, done: int = 0) -> None:
        """Begin a piece of work, and say so at once.

        Args:
            text: What is done.
            total: How much there is; 0 where nobody knows.
            done: How much was done before, which says nothing about the rate.
        """
        self._text, self._total, self._before = text, total, done
        self._start_s = self._next_line_s = time.monotonic()
        self.show(done)

    def show(self, done: int, remark: str = "") -> None:
        """Show how much is done; may be called often.

        Args:
            done: How much of the total.
            remark: Stands behind it, such as a loss.
        """
        now_s = time.monotonic()
        speed = ", ".join(part for part in (self._speed(done, now_s - self._start_s), remark) if part)
        if self._console.is_terminal:
            self._bar.update(self._task, description=self._text, completed=done, total=self._total or None, speed=speed)
        elif now_s >= self._next_line_s:
            self._next_line_s = now_s + self._line_every_s
            counted = f": {done:,} of {self._total:,} {self._unit}" if self._total else f": {done:,} {self._unit}"
            line = self._text + counted * bool(done or self._total) + (f", {speed}" if speed else "")
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _speed(self, done: int, elapsed_s: float) -> str:
        made = done - self._before
        if made <= 0 or elapsed_s <= 0:
            return ""
        left_s = (self._total - done) * elapsed_s / made
        return f"{made / elapsed_s:,.1f}/s" + (f", {duration(left_s)} left" if left_s > 0 else "")
