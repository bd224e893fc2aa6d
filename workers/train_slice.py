"""Training a trial of a sweep, a slice of time at once, so that no worker is long in one task."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from model.errors import ConfigurationError, EvaluationError
from model.sweep.runner import best_eer
from model.training.checkpoint import read_training_state
from model.training.config import Config
from model.training.train_command import Request, train_by
from model.training.trainer import CHECKPOINT
from store.roots import ANYWHERE, Roots
from store.study import Trial, TrialResult
from workers.errors import TrialRefused
from workers.safe_open import LeadsOut, NotAFile, open_regular

__all__ = ["train_slice"]


def train_slice(
    trial: Trial,
    *,
    device: str,
    slice_s: float,
    alive: Callable[[], object] = lambda: None,
    roots: Roots = ANYWHERE,
) -> str:
    """Train a trial for so long, from its checkpoint on, and write its result when it is done.

    Args:
        trial: What to train.
        device: `cpu` or `cuda`.
        slice_s: After so many seconds the training stops with a checkpoint, wherever it is.
        alive: Called after each step.
        roots: Where manifest, pictures and first weights may lie; a picture outside is skipped as an unreadable one is.

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
        _need_inside(config, roots)
        request = Request(None, [], trial.folder, resume=True, device=device)
        done = train_by(config, request, pause, partial(_read, roots=roots))
        progress = read_training_state(trial.folder / CHECKPOINT)
        if done is None:
            return f"step {progress.step} of {progress.config['schedule']['steps']}, goes on"
        eer = best_eer(trial.folder)
    except (ConfigurationError, EvaluationError) as error:
        raise TrialRefused(str(error)) from error
    trial.end(TrialResult(eer))
    return f"done after {progress.step} steps, EER {100 * eer:.2f} %"


def _need_inside(config: Config, roots: Roots) -> None:
    """Refuse a manifest or first weights that lie outside the roots, before one byte of them is read."""
    init = config.network.init
    named = [config.data.manifest] if config.data.manifest else []
    named += [Path(init)] if init not in ("scratch", "imagenet", "default") else []
    for path in named:
        with contextlib.suppress(FileNotFoundError):  # the training says so; another machine may have it
            try:
                open_regular(os.fsencode(path), roots).close()
            except (LeadsOut, NotAFile) as error:
                raise ConfigurationError(f"{path}: {error.strerror}") from error


def _read(path: Path, *, roots: Roots) -> bytes:
    with open_regular(os.fsencode(path), roots) as file:
        return file.read()
