"""Training a trial of a sweep, a slice of time at once, so that no worker is long in one task."""

from __future__ import annotations

import time
from collections.abc import Callable

from model.errors import ConfigurationError, EvaluationError
from model.sweep.runner import best_eer
from model.training.checkpoint import read_progress
from model.training.command import Request, train_by
from model.training.config import Config
from model.training.trainer import CHECKPOINT
from store.study import Trial, TrialResult
from workers.errors import TrialRefused

__all__ = ["train_slice"]


def train_slice(trial: Trial, *, device: str, slice_s: float, alive: Callable[[], object] = lambda: None) -> str:
    """Train a trial for so long, from its checkpoint on, and write its result when it is done.

    Args:
        trial: What to train.
        device: `cpu` or `cuda`.
        slice_s: After so many seconds the training stops with a checkpoint, wherever it is.
        alive: Called after each step.

    Returns:
        How far it is, for a person to read.

    Raises:
        TrialRefused: Its configuration cannot be trained, on whatever machine.
        ModelError: The data cannot be read here, or the checkpoint is damaged.
        StoreError: The trial is not in the store.
    """
    deadline_s = time.monotonic() + slice_s

    def pause() -> bool:
        alive()
        return time.monotonic() >= deadline_s

    try:
        config = Config.from_values(trial.config)
        done = train_by(config, Request(None, [], trial.folder, resume=True, device=device), pause)
        progress = read_progress(trial.folder / CHECKPOINT)
        if done is None:
            return f"step {progress.step} of {progress.config['schedule']['steps']}, goes on"
        eer = best_eer(trial.folder)
    except (ConfigurationError, EvaluationError) as error:
        raise TrialRefused(str(error)) from error
    trial.end(TrialResult(eer))
    return f"done after {progress.step} steps, EER {100 * eer:.2f} %"
