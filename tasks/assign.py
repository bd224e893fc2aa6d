"""The assign task: one part of a large run, for the reducer that places it (docs/decisions/0016)."""

from __future__ import annotations

import logging
import math
import time

from store.run import Run
from tasks.base import Job, run_task
from tasks.celery_app import settings
from tasks.messages import AssignMessage, ReduceMessage
from tasks.queue_names import QueueName
from tasks.sending import enqueue
from tasks.worker_context import ledger, redis, store
from tasks.worker_counters import Work
from tasks.worker_registry import live_workers

__all__ = ["assign", "share"]

_GIVE_UP = 3
"""A part at which workers die, or that fails, is left to the reducer: it assigns what nobody did."""

_PARTS_EACH = 4
"""Parts for each reducer: a slow one does fewer."""

_MOST_CHUNKS = 1024
"""In a part: what is lost when a machine dies takes a minute at most."""

_log = logging.getLogger(__name__)


def share(run: Run, message: ReduceMessage) -> int:
    """Send the parts of a pass to all reducers; return how many, 0 where it is not worth it or was done before."""
    chunks = len(run.archive.listed_chunks())
    reducers = sum(worker.processes for worker in live_workers(redis()) if QueueName.REDUCE in worker.queues)
    if chunks < settings.reduce_fan_out or reducers < 2:
        return 0
    count = min(chunks, max(_PARTS_EACH * reducers, math.ceil(chunks / _MOST_CHUNKS)))
    parts = [AssignMessage(run=run.id, number=message.number, part=part, parts=count) for part in range(count)]
    if not ledger().share(message, parts):
        return 0
    for part in parts:
        enqueue(part, ledger())
    return count


def _end(job: Job[AssignMessage], added: dict[str, float] | None = None) -> None:
    """Whoever ends the last part lets the reducer begin."""
    message = job.message
    if ledger().done(message, Work(job.worker, added or {}, {"last": time.time()})):
        enqueue(ReduceMessage(run=message.run, number=message.number), ledger())


@run_task(AssignMessage, time_limit=settings.reduce_limit_s, give_up_after=_GIVE_UP, given_up=_end)
def assign(job: Job[AssignMessage], run: Run) -> str:
    """Assign one part of a pass. May run twice without harm."""
    from workers.assigning import assign_part

    message = job.message
    start = time.perf_counter()
    chunks = assign_part(store(), run, message.number, message.part, message.parts)
    wall_s = time.perf_counter() - start
    _log.info("action=assign run=%s part=%d chunks=%d wall_s=%.3f", run.id, message.part, chunks, wall_s)
    _end(job, {"seconds assign": wall_s})
    return f"run {message.run} pass {message.number} {message.what}: {chunks} chunks assigned"
