"""The embed task: one chunk, listing in, shard out; one line of numbers for Flower."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from model.errors import DeviceLost
from store.errors import NewerSchema
from store.run import Run
from tasks.base import Job, pass_on, pause, run_task
from tasks.celery_app import settings
from tasks.errors import PoisonousChunk
from tasks.messages import EmbedMessage, ReduceMessage
from tasks.retry_policy import Attempts
from tasks.sending import send_embed, send_reduce
from tasks.worker_context import embedders, in_hand, passes, progress, store
from tasks.worker_counters import Work
from workers.errors import PictureStuck

if TYPE_CHECKING:
    from store.counts import Counts
    from workers.pipeline import Timings

__all__ = ["embed"]

CAREFUL = 3
"""From this delivery on, each picture of the chunk is tried in a process of its own first: two workers died at it."""

GIVE_UP = 6
"""After so many deaths the chunk is reported as failed; it is not a picture that kills the workers."""

_log = logging.getLogger(__name__)


def _failed(job: Job[EmbedMessage], error: Exception) -> None:
    """Let another worker try, or this one once more; the last failure is told to the run.

    Whatever it is (a mount missing on this machine, a full disk, a bug), another worker may fare better.
    """
    message = job.message
    progress().answered(message.run, message.number, message.what)
    progress().add_work(Work(job.worker, {"failures embed": 1}))
    in_hand().let_go(message, done=False)
    final = isinstance(error, (NewerSchema, PoisonousChunk))
    if final or not pass_on(job, partial(_send_on, message)):
        progress().failed(message.run, message.number, message.what, f"{type(error).__name__}: {error}")


def _send_on(message: EmbedMessage, tries: Attempts) -> None:
    in_hand().sent(message)
    send_embed(message, tries)


def _over(job: Job[EmbedMessage]) -> None:
    message = job.message
    progress().answered(message.run, message.number, message.what)
    in_hand().let_go(message, done=False)


@run_task(EmbedMessage, time_limit=settings.embed_limit_s, failed=_failed, over=_over)
def embed(job: Job[EmbedMessage], run: Run) -> str:
    """Embed one chunk of a run. May run twice without harm."""
    message = job.message
    at = (message.run, message.number, message.what)
    told = _teller().submit(progress().delivered, *at, also=partial(in_hand().take, message))
    try:
        # Nobody has died at a message that was never delivered before: the chunk begins while the broker is told.
        deliveries = told.result() if job.redelivered else 1
        if deliveries > GIVE_UP:
            raise PoisonousChunk(f"{deliveries - 1} workers died at it")
        return _embed(job, run, told, isolated=deliveries >= CAREFUL)
    except (PictureStuck, DeviceLost) as error:
        # No thread can be stopped from outside, and no failed GPU used again. The process ends; the chunk goes back to
        # the queue and is counted.
        _log.error("action=stuck run=%s what=%s error=%s", message.run, message.what, error)
        os._exit(1)
    finally:
        with contextlib.suppress(RedisError):  # what is told last must not arrive after the answer
            told.result()


@functools.cache
def _teller() -> ThreadPoolExecutor:
    """Tells the broker which chunk this process begins with."""
    return ThreadPoolExecutor(1, "tell")


def _embed(job: Job[EmbedMessage], run: Run, told: Future[int], *, isolated: bool) -> str:
    from workers.embedding import embed_chunk

    message = job.message
    start = time.perf_counter()
    counts, timings = embed_chunk(store(), run, message.part, message.chunk, embedders(), isolated=isolated)
    pause.after_success()
    _log.info(
        "action=embed run=%s part=%s chunk=%d images=%d wall_s=%.3f"
        " read_s=%.3f decode_s=%.3f infer_s=%.3f write_s=%.3f",
        *(run.id, message.part, message.chunk, counts.images, time.perf_counter() - start),
        *(timings.read_s, timings.decode_s, timings.infer_s, timings.write_s),
    )
    work = _work(job.worker, counts, timings)
    with contextlib.suppress(RedisError):  # a broker that was away then is back by now, or the next line says so
        told.result()
    let_go = partial(in_hand().let_go, message, done=True)
    if progress().chunk_done(run.id, message.number, message.what, counts, work, lambda pipe: let_go(through=pipe)):
        send_reduce(ReduceMessage(run=run.id, number=message.number), passes())
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
