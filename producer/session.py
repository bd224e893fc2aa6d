"""What every command shares: settings, store, run, queue, consoles and exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from model.printable import printable
from model.terminal import Terminal
from producer.errors import BadRequest
from producer.hints import pasteable, use_store
from producer.printing import print_json, print_summary, status_fields
from producer.status import RunStatus
from store.roots import Roots
from store.run import Run
from store.store import Store
from tasks.settings import Settings, read_settings

if TYPE_CHECKING:
    from tasks.queue_client import Queue

__all__ = ["Session", "exit_code"]

_UNWRAPPED = 10_000
"""Columns: wide enough for two paths."""


class Session:
    """One invocation of the program.

    Attributes:
        settings: From the environment; the command line's store overrides it.
        out: Standard output: results only.
        err: Standard error: progress and messages.
    """

    def __init__(self, store: str | Path | None = None) -> None:
        use_store(store)
        settings = read_settings()
        self.settings: Settings = settings if store is None else settings.model_copy(update={"store": store})
        self.out = _console()
        self.err = _console(stderr=True)

    @property
    def roots(self) -> Roots:
        """This machine's map of named roots."""
        return Roots(self.settings.roots)

    @property
    def store(self) -> Store:
        """The run directory."""
        return Store(self.settings.store, self.roots)

    def run(self, run_id: str | None) -> Run:
        """The run with that id, or the newest.

        Raises:
            RunNotFound: There is none.
        """
        return self.store.latest() if run_id is None else self.store.run(run_id)

    def newest_not_undone(self) -> Run:
        """The newest run that was not undone.

        Raises:
            RunNotFound: There is none.
        """
        return next((run for run in self.store.newest_first() if not run.marked("undone")), None) or self.store.latest()

    def queue(self, run: Run) -> Queue | None:
        """The queue of a run; None for a private run without a running broker."""
        shared = run.spec.queue == "shared"
        url = None if shared else run.broker
        if not shared and url is None:
            return None
        from tasks.queue_client import Queue

        return Queue(self.settings if url is None else self.settings.model_copy(update={"broker_url": url}))

    def checked_queue(self) -> Queue:
        """The shared queue, after a check that it answers.

        Raises:
            BrokerUnreachable: It does not.
        """
        from tasks.queue_client import Queue

        queue = Queue(self.settings)
        queue.check()
        return queue

    def say(self, text: str) -> None:
        """Print a message to standard error."""
        self.err.print(pasteable(text), highlight=False, markup=False, soft_wrap=True)

    def confirm(self, question: str) -> None:
        """Ask for confirmation before something is deleted, and exit if the answer is no.

        Raises:
            BadRequest: Standard input is not a terminal.
        """
        if not sys.stdin.isatty():
            raise BadRequest("there is no terminal to confirm this; use --yes")
        typer.confirm(printable(question), abort=True, err=True)

    def finish(self, status: RunStatus, json: bool) -> NoReturn:
        """Print a run's outcome and exit with the matching code."""
        if json:
            print_json(status_fields(status), self.out)
        elif status.summary is not None:
            self.out.print(f"run [bold]{status.run}[/bold]", highlight=False)
            print_summary(status, self.out)
        else:
            self.out.print(f"run {status.run}: {status.state.value}", highlight=False)
        raise typer.Exit(exit_code(status))


def _console(*, stderr: bool = False) -> Terminal:
    """A console that wraps lines and truncates tables only on a terminal, not in a pipe or a file."""
    console = Terminal(stderr=stderr)
    return console if console.is_terminal else Terminal(stderr=stderr, width=_UNWRAPPED)


def exit_code(status: RunStatus) -> int:
    """0 if everything succeeded, 1 if files failed or the run has no outcome."""
    summary = status.summary
    if summary is None:
        return 1
    failed = summary["outcomes"]["unreadable"] or summary["bad_references"] or summary["problem_count"]
    return 1 if failed else 0
