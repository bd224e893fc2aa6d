"""What `reid sweep --runner queue` asks of the queue before it begins, and how it takes results."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import ConfigurationError
from model.sweep.runner import TrialOutcome, TrialRequest
from store.study import TrialResult
from tasks.queue_runner import QueueRunner
from tasks.redis_client import connect
from tasks.settings import Settings
from tasks.worker_registry import LiveWorker, beat

STUDY = "20261123-0412-5f3a9c01"


def test_nobody_trains(settings: Settings) -> None:
    """Without a worker on the queue `train` a sweep is refused at once, and told what to start."""
    with pytest.raises(ConfigurationError, match=r"queue 'train'.* start one with `producer worker --queues train`"):
        QueueRunner(settings)


def test_no_broker() -> None:
    """Without a broker too."""
    with pytest.raises(ConfigurationError, match="no broker answers"):
        QueueRunner(Settings(broker_url="redis://127.0.0.1:1/0"))


def test_results_are_taken_from_the_store(settings: Settings, tmp_path: Path) -> None:
    """A trial that has a good result is not trained again; one that failed is sent again, in a message of two names."""
    settings = settings.model_copy(update={"store": tmp_path})
    redis = connect(settings.broker_url)
    redis.execute_command(*beat(LiveWorker("train@test", ("train",), 2)))  # type: ignore[no-untyped-call]
    runner = QueueRunner(settings)
    assert runner.trials == 3
    done, failed = (runner._store.trial(STUDY, name) for name in ("lr=0.1", "lr=0.2"))
    done.end(TrialResult(0.25))
    failed.end(TrialResult(None, "the mount was missing"))
    for name in ("lr=0.1", "lr=0.2"):
        runner.begin(TrialRequest(STUDY, name, {"seed": 1}, tmp_path))
    assert runner.wait() == TrialOutcome("lr=0.1", 0.25)
    assert failed.result is None and failed.config == {"seed": 1}
    assert redis.llen("train") == 1
    failed.end(TrialResult(0.5))
    assert runner.wait() == TrialOutcome("lr=0.2", 0.5)
