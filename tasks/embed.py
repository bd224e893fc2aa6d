"""The embed task: one chunk, listing in, shard out; one line of numbers for Flower."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from model.errors import DeviceLost
from store.run import Run
from tasks.base import Job, run_task
from tasks.celery_app import settings
from tasks.messages import EmbedMessage, ReduceMessage
from tasks.sending import enqueue
from tasks.worker_context import embedders, ledger, store
from tasks.worker_counters import Work
from workers.errors import PictureStuck

if TYPE_CHECKING:
    from store.counts import Counts
    from workers.pipeline import Timings

__all__ = ["embed"]

CAREFUL = 3
"""From this delivery on, each picture of the chunk is tried in a process of its own first: two workers died at it."""

_log = logging.getLogger(__name__)


@run_task(EmbedMessage, time_limit=settings.embed_limit_s, tried_again=True, at_once=True)
def embed(job: Job[EmbedMessage], run: Run) -> str:
    """Embed one chunk of a run. May run twice without harm."""
    from workers.embedding import embed_chunk

    message = job.message
    start = time.perf_counter()
    isolated = job.deliveries >= CAREFUL
    try:
        counts, timings = embed_chunk(store(), run, message.part, message.chunk, embedders(), isolated=isolated)
    except (PictureStuck, DeviceLost) as error:
        # No thread can be stopped from outside, and no failed GPU used again. The process ends; the chunk goes back to
        # the queue and is counted.
        _log.error("action=stuck run=%s what=%s error=%s", message.run, message.what, error)
        os._exit(1)
    _log.info(
        "action=embed run=%s part=%s chunk=%d images=%d wall_s=%.3f"
        " read_s=%.3f decode_s=%.3f infer_s=%.3f write_s=%.3f",
        *(run.id, message.part, message.chunk, counts.images, time.perf_counter() - start),
        *(timings.read_s, timings.decode_s, timings.infer_s, timings.write_s),
    )
    if ledger().done(message, _work(job.worker, counts, timings), counts):
        enqueue(ReduceMessage(run=run.id, number=message.number), ledger())
    text = f"{counts.images} images, {counts.embedded} embedded, {counts.unreadable} unreadable"
    others = f", {counts.unsupported} unsupported" if counts.unsupported else ""
    return f"run {run.id} {message.what}: {text}{others}"


def _work(worker: str, counts: Counts, timings: Timings) -> Work:
    """What a chunk was, for the metrics."""
    stages = {name.removesuffix("_s"): seconds for name, seconds in asdict(timings).items()}
    outcomes = {name: count for name, count in asdict(counts).items() if name != "images"}
    added = {f"seconds {name}": seconds for name, seconds in stages.items()}
    added |= {f"images {name}": count for name, count in outcomes.items()}
    memory = embedders().gpu_memory()
    now = {} if memory is None else {"gpu_memory_used": memory[0], "gpu_memory_total": memory[1]}
    return Work(worker, {"chunks": 1, **added}, {"last": time.time(), **now})
