"""The reduce task: assign, place and report a whole run; one line of numbers for Flower."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.exceptions import Reject
from redis.exceptions import RedisError

from tasks.application import app, settings
from tasks.assign import share
from tasks.messages import ReduceMessage, decode_message
from tasks.process import passes, progress, store
from tasks.work import Work

__all__ = ["reduce"]

_WAIT_S = 600.0
"""How long a reducer waits for another one that places files in the same output folder."""

_log = logging.getLogger(__name__)


@app.task(name="oshiwake.reduce", bind=True, time_limit=settings.reduce_limit_s)  # type: ignore[untyped-decorator]
def reduce(self: Any, **fields: Any) -> str:
    """Reduce one pass of a run. May run twice without harm."""
    message = decode_message(ReduceMessage, fields)
    run = store().run(message.run)
    try:
        passes().begun(message)
        if run.marked("cancelled"):
            return f"run {run.id}: cancelled"
        if parts := share(run, message.number):
            return f"run {run.id}: {parts} parts are being assigned"
        return _reduce(message, self.request.hostname)
    except RedisError as error:
        raise Reject(str(error), requeue=True) from error  # the broker was away for longer than we wait
    except Exception as error:
        progress().failed(message.run, message.number, "reduce", f"{type(error).__name__}: {error}")
        progress().add_work(Work(self.request.hostname, {"failures reduce": 1}))
        raise


def _reduce(message: ReduceMessage, worker: str) -> str:
    from workers.reducing import reduce_run

    run = store().run(message.run)
    start = time.perf_counter()

    def show(done: int, total: int) -> None:
        progress().reducing(run.id, message.number, done, total)

    summary = reduce_run(store(), run, message.number, wait_s=_WAIT_S, progress=show)
    progress().recovered(run.id, message.number, "reduce")
    wall_s = time.perf_counter() - start
    progress().add_work(Work(worker, {"reductions": 1, "seconds reduce": wall_s}, {"last": time.time()}))
    _log.info("action=reduce run=%s files=%d wall_s=%.3f", run.id, summary["files"], wall_s)
    outcomes = ", ".join(f"{count} {name}" for name, count in summary["outcomes"].items() if count)
    return f"run {run.id}: {summary['files']} files, {outcomes}"
