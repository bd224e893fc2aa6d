"""The reduce task: assign, place and report a whole run; one line of numbers for Flower."""

from __future__ import annotations

import logging
import time
from functools import partial

from store.run import Run
from tasks.assign import share
from tasks.base import Job, pass_on, run_task
from tasks.celery_app import settings
from tasks.errors import StoreNotVisible
from tasks.messages import ReduceMessage
from tasks.sending import send_reduce
from tasks.worker_context import passes, progress, store
from tasks.worker_counters import Work

__all__ = ["reduce"]

_WAIT_S = 600.0
"""How long a reducer waits for another one that places files in the same output folder."""

_log = logging.getLogger(__name__)


def _failed(job: Job[ReduceMessage], error: Exception) -> None:
    """Let another worker try where it is this machine that is at fault; else tell the run."""
    message = job.message
    progress().add_work(Work(job.worker, {"failures reduce": 1}))
    elsewhere = isinstance(error, StoreNotVisible) and pass_on(job, partial(send_reduce, message, passes()))
    if not elsewhere:
        progress().failed(message.run, message.number, message.what, f"{type(error).__name__}: {error}")


def _over(job: Job[ReduceMessage]) -> None:
    passes().begun(job.message)


@run_task(ReduceMessage, time_limit=settings.reduce_limit_s, failed=_failed, over=_over)
def reduce(job: Job[ReduceMessage], run: Run) -> str:
    """Reduce one pass of a run. May run twice without harm."""
    passes().begun(job.message)
    if parts := share(run, job.message.number):
        return f"run {run.id}: {parts} parts are being assigned"
    return _reduce(job, run)


def _reduce(job: Job[ReduceMessage], run: Run) -> str:
    from workers.reducing import reduce_run

    number = job.message.number
    start = time.perf_counter()

    def show(done: int, total: int) -> None:
        progress().reducing(run.id, number, done, total)

    summary = reduce_run(store(), run, number, wait_s=_WAIT_S, progress=show)
    progress().recovered(run.id, number, job.message.what)
    wall_s = time.perf_counter() - start
    progress().add_work(Work(job.worker, {"reductions": 1, "seconds reduce": wall_s}, {"last": time.time()}))
    _log.info("action=reduce run=%s files=%d wall_s=%.3f", run.id, summary["files"], wall_s)
    outcomes = ", ".join(f"{count} {name}" for name, count in summary["outcomes"].items() if count)
    return f"run {run.id}: {summary['files']} files, {outcomes}"
