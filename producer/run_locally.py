"""Carry a run to its end on this machine, with a farm of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from producer.dispatch import Dispatcher, create_run
from producer.local_cluster import LocalCluster, local_cluster
from producer.progress_view import ProgressView, watch
from producer.request import RuleOptions, SortRequest
from producer.session import Session
from producer.status import RunStatus
from store.run import Run
from workers.output import need_output

__all__ = ["reassign_locally", "run_locally", "sort_locally"]


def sort_locally(session: Session, request: SortRequest, processes: int = 0) -> RunStatus:
    """Make a run and carry it out; return its outcome."""
    return run_locally(session, create_run(session.store, request, "private"), processes, again=False)


def run_locally(session: Session, run: Run, processes: int = 0, *, again: bool = True) -> RunStatus:
    """Go on with a private run, from the start or from wherever it stopped.

    `again` says that it may have been cancelled or undone, and is so no more. When this is interrupted, everything that
    was started is stopped, and the run can be resumed.
    """
    with _working(session, run, processes) as (farm, view):
        dispatcher = Dispatcher(session.store, farm.queue, session.settings.chunk_images)
        (dispatcher.resume if again else dispatcher.send)(run, on_scan=view.scanned)
        return watch(run, farm.queue, view, farm.children)


def reassign_locally(
    session: Session, run: Run, options: RuleOptions, references: str | None, processes: int = 0
) -> RunStatus:
    """Assign a private run again."""
    with _working(session, run, processes) as (farm, view):
        dispatcher = Dispatcher(session.store, farm.queue, session.settings.chunk_images)
        dispatcher.assign_again(run, options, references)
        return watch(run, farm.queue, view, farm.children)


@contextlib.contextmanager
def _working(session: Session, run: Run, processes: int) -> Iterator[tuple[LocalCluster, ProgressView]]:
    """A farm for a run and the view that shows it; interrupted, it says what it does and how to go on."""
    need_output(run)
    view = ProgressView(session.err)
    try:
        with view.open(), local_cluster(run, session.settings, processes=processes) as farm:
            try:
                yield farm, view
            except (KeyboardInterrupt, SystemExit):
                session.say("stopping; what is in hand is finished if that takes seconds (Ctrl-C again: at once)")
                raise
    except (KeyboardInterrupt, SystemExit):
        session.say(f"interrupted; everything is stopped, and `producer resume {run.id}` goes on")
        raise
