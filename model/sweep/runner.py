"""Where trials run. Here in this process; a queue is another class with the same method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from model.errors import EvaluationError
from model.training.checkpoint import read_progress
from model.training.command import Request, train_by
from model.training.config import Config
from model.training.trainer import CHECKPOINT

__all__ = ["LocalRunner", "Runner", "TrialRequest"]


@dataclass(frozen=True)
class TrialRequest:
    """One training of a sweep; plain values alone, so that a message can carry it.

    Attributes:
        config: The whole configuration, as JSON can hold it.
        output: Folder of the trial, on a file system that every machine sees.
        device: `cpu`, `cuda` or `auto`.
    """

    config: dict[str, Any]
    output: str
    device: str = "auto"


class Runner(Protocol):
    """Runs trials somewhere."""

    def run(self, request: TrialRequest) -> float:
        """Train and return the best development EER, 0..1; a trial that was stopped goes on from its checkpoint."""
        ...


class LocalRunner:
    """Runs trials in this process, one after the other."""

    def run(self, request: TrialRequest) -> float:
        """See `Runner`.

        Raises:
            EvaluationError: The data has no development set to measure on.
        """
        output = Path(request.output)
        config = Config.from_values(request.config)
        train_by(config, Request(None, [], output, resume=True, device=request.device))
        rates = [entry["eer"] for entry in read_progress(output / CHECKPOINT).history]
        if not rates:
            raise EvaluationError("a sweep compares development EERs; this data has no development set")
        return min(rates)
