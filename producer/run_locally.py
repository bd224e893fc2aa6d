"""Run everything on this machine, with a local cluster that lives as long as the run."""

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
from tasks.devices import unused_gpus_remark
from workers.output import need_output

__all__ = ["reassign_locally", "run_locally", "sort_locally"]


def sort_locally(session: Session, request: SortRequest, processes: int = 0) -> RunStatus:
    """Create a run and carry it out; return its outcome."""
    return run_locally(session, create_run(session.store, request, "private"), processes, again=False)


def run_locally(session: Session, run: Run, processes: int = 0, *, again: bool = True) -> RunStatus:
    """Carry out a private run, from the start or from where it stopped.

    With `again`, a run that was cancelled or undone becomes active again. An interrupt stops every process that was
    started; the run can be resumed.
    """
    with _working(session, run, processes) as (cluster, view):
        dispatcher = Dispatcher(session.store, cluster.queue, session.settings.chunk_images)
        (dispatcher.resume if again else dispatcher.send)(run, on_scan=view.scanned)
        return watch(run, cluster.queue, view, cluster.children)


def reassign_locally(
    session: Session, run: Run, options: RuleOptions, references: str | None, processes: int = 0
) -> RunStatus:
    """Begin a further pass of a private run and carry it out."""
    with _working(session, run, processes) as (cluster, view):
        dispatcher = Dispatcher(session.store, cluster.queue, session.settings.chunk_images)
        dispatcher.assign_again(run, options, references)
        return watch(run, cluster.queue, view, cluster.children)


@contextlib.contextmanager
def _working(session: Session, run: Run, processes: int) -> Iterator[tuple[LocalCluster, ProgressView]]:
    """Start a local cluster and a progress view; on an interrupt, say what happens and how to continue."""
    need_output(run)
    if remark := unused_gpus_remark(session.settings):
        session.say(remark)
    view = ProgressView(session.err)
    try:
        with view.open(), local_cluster(run, session.settings, processes=processes) as cluster:
            try:
                yield cluster, view
            except (KeyboardInterrupt, SystemExit):
                session.say("finishing the current chunk (press Ctrl-C again to stop now)")
                raise
    except (KeyboardInterrupt, SystemExit):
        session.say(f"interrupted; `producer resume {run.id}` continues the run")
        raise
