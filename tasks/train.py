"""The train task: a slice of one trial of a sweep; one line of numbers for Flower."""

from __future__ import annotations

import logging
import time
from typing import Any

from store.study import Trial, TrialResult
from tasks.application import app, settings
from tasks.claim import Claim
from tasks.messages import TrainMessage, decode_message
from tasks.process import device, impatient_redis, store
from workers.errors import TrialRefused

__all__ = ["send_train", "train"]

ATTEMPTS = 3
"""How often a trial that fails is tried, each time by whichever worker takes it."""

GIVE_UP = 6
"""After so many deaths in a row the trial is reported as failed: it is the trial that kills the workers."""

_PAUSE_S = 1.0
"""A worker that just failed lets another one take the trial."""

_log = logging.getLogger(__name__)


def send_train(message: TrainMessage, attempt: int = 1, through: Any = None) -> None:
    """Put a trial on the queue, through Celery's own connection or a given sender."""
    train.apply_async(
        kwargs=message.model_dump(), headers={"attempt": attempt}, argsrepr=message.what, producer=through
    )


# Killed before the broker believes that the worker has vanished; the trial then goes on from its last checkpoint.
@app.task(name="oshiwake.train", bind=True, time_limit=max(settings.visibility_s - 30, 1))  # type: ignore[untyped-decorator]
def train(self: Any, **fields: Any) -> str:
    """Train one trial for a while. May run twice without harm."""
    message = decode_message(TrainMessage, fields)
    trial = store().trial(message.study, message.trial)
    if trial.result is not None:
        return f"{message.what}: has its result already"
    claim = Claim(impatient_redis(), message.what, self.request.id)
    deaths = claim.take()
    if deaths is None:
        return f"{message.what}: another worker trains it"
    attempt = int(self.request.get("attempt") or 1)
    try:
        if deaths > GIVE_UP:
            raise TrialRefused(f"{deaths} workers died at it")
        line = _train(trial, message, claim)
    except Exception as error:
        claim.drop()
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


def _train(trial: Trial, message: TrainMessage, claim: Claim) -> str:
    on = device()
    from workers.training import train_slice

    start = time.perf_counter()
    line = train_slice(trial, device=on, slice_s=settings.train_slice_s, alive=claim.renew, roots=store().roots)
    _log.info("action=train study=%s trial=%s wall_s=%.1f", message.study, message.trial, time.perf_counter() - start)
    return f"{message.what}: {line}"
