"""The train task: a slice of one trial of a sweep; one line of numbers for Flower."""

from __future__ import annotations

import logging
import time

from store.study import Trial, TrialResult
from tasks.base import Job, task
from tasks.celery_app import settings
from tasks.lock import TrialLock
from tasks.messages import TrainMessage
from tasks.sending import send_train
from tasks.worker_context import device, redis, redis_without_retry, store
from tasks.worker_counters import Work, add_work
from workers.errors import PassOver, TrialRefused

__all__ = ["train"]

ATTEMPTS = 3
"""How often a trial that fails is tried, each time by whichever worker takes it."""

GIVE_UP = 6
"""After so many deaths in a row the trial is reported as failed: it is the trial that kills the workers."""

_PAUSE_S = 1.0
"""A worker that just failed lets another one take the trial."""

_log = logging.getLogger(__name__)


# Killed before the broker believes that the worker has vanished; the trial then goes on from its last checkpoint.
@task(TrainMessage, time_limit=max(settings.visibility_s - 30, 1))
def train(job: Job[TrainMessage]) -> str:
    """Train one trial for a while. May run twice without harm."""
    message = job.message
    trial = store().trial(message.study, message.trial)
    if trial.result is not None:
        return f"{message.what}: has its result already"
    if not trial.exists and store().exists:
        raise PassOver("not in the store")
    claim = TrialLock(redis_without_retry(), message.what, job.request.id)
    deaths = claim.take()
    if deaths is None:
        return f"{message.what}: another worker trains it"
    attempt = int(job.request.get("attempt") or 1)
    try:
        if deaths > GIVE_UP:
            raise TrialRefused(f"{deaths} workers died at it")
        line = _train(trial, message, claim, job.worker)
    except Exception as error:
        claim.drop()
        add_work(redis(), Work(job.worker, {"failures train": 1}), settings.keep_s)
        if attempt < ATTEMPTS and not isinstance(error, TrialRefused):
            time.sleep(_PAUSE_S)
            send_train(message, attempt + 1)
        else:
            trial.end(TrialResult(None, f"{type(error).__name__}: {error}"))
        raise
    claim.drop()
    if trial.result is None:
        send_train(message)
    return line


def _train(trial: Trial, message: TrainMessage, claim: TrialLock, worker: str) -> str:
    on = device()
    from workers.train_slice import train_slice

    start = time.perf_counter()
    line = train_slice(trial, device=on, slice_s=settings.train_slice_s, alive=claim.renew, roots=store().roots)
    wall_s = time.perf_counter() - start
    work = Work(worker, {"slices": 1, "seconds train": wall_s}, {"last": time.time()})
    add_work(redis(), work, settings.keep_s)
    _log.info("action=train study=%s trial=%s wall_s=%.1f", message.study, message.trial, wall_s)
    return f"{message.what}: {line}"
