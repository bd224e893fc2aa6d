"""Trials of a sweep on the queue `train`: what `reid sweep --runner queue` uses, found by its entry point."""

from __future__ import annotations

import time

from model.errors import ConfigurationError
from model.sweep.runner import TrialOutcome, TrialRequest
from store.errors import StoreError
from store.store import Store
from store.study import Trial
from tasks.errors import QueueError
from tasks.messages import TrainMessage
from tasks.queue_client import Queue
from tasks.queue_names import QueueName
from tasks.settings import Settings, read_settings

__all__ = ["QueueRunner"]

_LOOK_S = 0.5


class QueueRunner:
    """Has trials trained by the workers on the queue `train`; the trials lie in the store.

    Attributes:
        trials: One for each process that listens now, and one more, so that none waits.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Connect to the broker of the environment.

        Raises:
            ConfigurationError: A setting is wrong, the broker does not answer, or nobody listens on the queue `train`.
        """
        try:
            settings = settings or read_settings()
            self._store = Store(settings.store)
            _ = self._store.studies  # refused here where it cannot be written, not trial by trial
            self._queue = Queue(settings)
            self._queue.check()
            self._queue.require_workers([QueueName.TRAIN])
        except (QueueError, StoreError) as error:
            raise ConfigurationError(str(error)) from error
        self.trials = 1 + sum(worker.processes for worker in self._queue.workers() if QueueName.TRAIN in worker.queues)
        self._begun: dict[str, Trial] = {}

    def begin(self, request: TrialRequest) -> None:
        """See `model.sweep.runner.Runner`. The request's device is left to the worker."""
        trial = self._store.trial(request.study, request.name)
        trial.begin(request.config)
        self._begun[request.name] = trial
        if trial.result is None:
            self._queue.send_train(TrainMessage(study=request.study, trial=request.name))

    def wait(self) -> TrialOutcome:
        """See `model.sweep.runner.Runner`."""
        while True:
            for name, trial in self._begun.items():
                if (result := trial.result) is not None:
                    del self._begun[name]
                    return TrialOutcome(name, result.eer, result.error)
            time.sleep(_LOOK_S)
