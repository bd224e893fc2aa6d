"""The assign task: one part of a large run, for the reducer that places it (docs/decisions/0016)."""

from __future__ import annotations

import logging
import math
import time

from redis import Redis

from store.run import Run
from tasks.base import Job, run_task
from tasks.celery_app import REDUCE_QUEUE, settings
from tasks.messages import AssignMessage, ReduceMessage
from tasks.sending import send_assign, send_reduce
from tasks.worker_context import passes, progress, redis, store
from tasks.worker_counters import Work
from tasks.worker_registry import live_workers

__all__ = ["assign", "share"]

GIVE_UP = 3
"""A part at which workers die, or that fails, is left to the reducer: it assigns what nobody did."""

_PARTS_EACH = 4
"""Parts for each reducer: a slow one does fewer."""

_MOST_CHUNKS = 1024
"""In a part: what is lost when a machine dies takes a minute at most."""

_log = logging.getLogger(__name__)


def share(run: Run, number: int) -> int:
    """Send the parts of a pass to all reducers; return how many, 0 where it is not worth it or was done before."""
    chunks, reducers = len(run.archive.listed_chunks()), _reducers(redis())
    if chunks < settings.reduce_fan_out or reducers < 2:
        return 0
    count = min(chunks, max(_PARTS_EACH * reducers, math.ceil(chunks / _MOST_CHUNKS)))
    if not progress().share(run.id, number, count):
        return 0
    for part in range(count):
        send_assign(AssignMessage(run=run.id, number=number, part=part, parts=count))
    return count


def _reducers(client: Redis) -> int:
    return sum(worker.processes for worker in live_workers(client) if REDUCE_QUEUE in worker.queues)


def _failed(job: Job[AssignMessage], error: Exception) -> None:
    progress().add_work(Work(job.worker, {"failures assign": 1}))
    _end(job.message, "")


@run_task(AssignMessage, time_limit=settings.reduce_limit_s, failed=_failed)
def assign(job: Job[AssignMessage], run: Run) -> str:
    """Assign one part of a pass. May run twice without harm."""
    message = job.message
    if progress().delivered(message.run, message.number, message.what) > GIVE_UP:
        return _end(message, "left to the reducer: workers died at it")
    return _end(message, _assign(message, run, job.worker))


def _assign(message: AssignMessage, run: Run, worker: str) -> str:
    from workers.assigning import assign_part

    start = time.perf_counter()
    chunks = assign_part(store(), run, message.number, message.part, message.parts)
    wall_s = time.perf_counter() - start
    progress().add_work(Work(worker, {"seconds assign": wall_s}, {"last": time.time()}))
    _log.info("action=assign run=%s part=%d chunks=%d wall_s=%.3f", run.id, message.part, chunks, wall_s)
    return f"{chunks} chunks assigned"


def _end(message: AssignMessage, text: str) -> str:
    """Whoever ends the last part lets the reducer begin."""
    progress().answered(message.run, message.number, message.what)
    if progress().part_done(message.run, message.number, message.part):
        send_reduce(ReduceMessage(run=message.run, number=message.number), passes())
    return f"run {message.run} pass {message.number} {message.what}: {text}"
