"""Carry a run to its end on this machine, with a farm of its own."""

from __future__ import annotations

from pathlib import Path

from producer.dispatch import Dispatcher, create_run
from producer.local import local_farm
from producer.request import RuleOptions, SortRequest
from producer.session import Session
from producer.status import RunStatus
from producer.watch import View, watch
from store.run import Run

__all__ = ["assign_here", "sort_here", "work_here"]


def sort_here(session: Session, request: SortRequest, processes: int = 0) -> RunStatus:
    """Make a run and carry it out; return its outcome."""
    return work_here(session, create_run(session.store, request, "private"), processes)


def work_here(session: Session, run: Run, processes: int = 0) -> RunStatus:
    """Go on with a private run, from the start or from wherever it stopped.

    When this is interrupted, everything that was started is stopped, and the run can be resumed.
    """
    view = View(session.err)
    try:
        with view.open(), local_farm(run, session.settings, processes=processes) as farm:
            dispatcher = Dispatcher(session.store, farm.queue, session.settings.chunk_images)
            dispatcher.send(run, on_scan=view.scanned)
            return watch(run, farm.queue, view, farm.children)
    except (KeyboardInterrupt, SystemExit):
        session.say(f"interrupted; everything is stopped, and `producer resume {run.id}` goes on")
        raise


def assign_here(
    session: Session, run: Run, options: RuleOptions, references: Path | None, processes: int = 0
) -> RunStatus:
    """Assign a private run again."""
    view = View(session.err)
    with view.open(), local_farm(run, session.settings, processes=processes) as farm:
        dispatcher = Dispatcher(session.store, farm.queue, session.settings.chunk_images)
        dispatcher.assign_again(run, options, references)
        return watch(run, farm.queue, view, farm.children)
