"""The reduce task: assign, place and report a whole run; one line of numbers for Flower."""

from __future__ import annotations

import logging
import time

from store.run import Run
from tasks.assign import share
from tasks.base import Job, run_task
from tasks.celery_app import settings
from tasks.messages import ReduceMessage
from tasks.worker_context import ledger, store
from tasks.worker_counters import Work

__all__ = ["reduce"]

_WAIT_S = 600.0
"""How long a reducer waits for another one that places files in the same output folder."""

_log = logging.getLogger(__name__)


def prepare(run: Run, number: int) -> None:
    """Store the decisions of a pass before its assignment is shared, so that all parts heed the same."""
    if len(run.archive.listed_chunks()) >= settings.reduce_fan_out:
        from workers.preparing import prepare_pass

        prepare_pass(store(), run, run.pass_(number), wait_s=_WAIT_S)


@run_task(ReduceMessage, time_limit=settings.reduce_limit_s)
def reduce(job: Job[ReduceMessage], run: Run) -> str:
    """Reduce one pass of a run. May run twice without harm."""
    prepare(run, job.message.number)
    if parts := share(run, job.message):
        return f"run {run.id}: {parts} parts are being assigned"
    from workers.reducing import reduce_run

    number = job.message.number
    start = time.perf_counter()

    def show(done: int, total: int) -> None:
        ledger().reducing(job.message, done, total)

    summary = reduce_run(store(), run, number, wait_s=_WAIT_S, progress=show)
    wall_s = time.perf_counter() - start
    ledger().done(job.message, Work(job.worker, {"reductions": 1, "seconds reduce": wall_s}, {"last": time.time()}))
    _log.info("action=reduce run=%s files=%d wall_s=%.3f", run.id, summary["files"], wall_s)
    outcomes = ", ".join(f"{count} {name}" for name, count in summary["outcomes"].items() if count)
    return f"run {run.id}: {summary['files']} files, {outcomes}"
