"""`reid sweep`: train the trials of a shared study and report them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from model.errors import ConfigurationError, EvaluationError, ModelError
from model.sweep.report import write_report
from model.sweep.space import check_search, grid_points
from model.sweep.study import RunningTrial, SharedStudy
from model.terminal import Terminal
from model.training.checkpoint import read_training_state
from model.training.config import Config
from model.training.train_command import Request, train_by
from model.training.trainer import CHECKPOINT
from model.training.training_data import open_data

__all__ = ["SweepRequest", "run_sweep"]

_TRIALS = 20
_BUILT_IN = ("scratch", "imagenet", "default")
_NO_DEVELOPMENT = "a sweep compares development EERs; this data has no development set"

_POLL_S = 2.0
"""Interval at which an idle process checks for trials of dead processes."""


@dataclass(frozen=True)
class SweepRequest:
    """The options of `reid sweep`.

    Attributes:
        output: Folder for the study, its trials, the table and the plot.
        config: TOML file of every trial, or None.
        overrides: `section.key=value` each.
        search: `grid`, `random` or `tpe`.
        trials: Number of trials, of all processes together; 0 for the whole grid, or 20.
        seed: Of the search.
        device: `cpu`, `cuda` or `auto`.
    """

    output: Path
    config: Path | None
    overrides: list[str]
    search: str = "grid"
    trials: int = 0
    seed: int = 1
    device: str = "auto"


def run_sweep(request: SweepRequest) -> list[tuple[str, str]]:
    """Train the missing trials, together with all other processes on the same output folder, then report.

    Returns when all trials are done, in whichever process. A trial whose process died continues from its checkpoint.

    Returns:
        `(trial, reason)` of the trials that failed meanwhile; a further sweep tries them again.

    Raises:
        ModelError: The configuration or the data cannot be used, or Optuna is not installed.
    """
    check_search(request.search)
    config = _absolute(Config.from_toml(request.config, request.overrides))
    if open_data(config).development is None:
        raise ConfigurationError(_NO_DEVELOPMENT)
    study = SharedStudy(request.output, request.search, request.seed)
    study.join(config.plain())
    n_trials = request.trials or _TRIALS
    if request.search == "grid":
        n_trials = min(n_trials, len(grid_points(0)))
    while True:
        if running := study.start_trial(n_trials):
            _train(study, running, config, request)
        elif study.is_running():
            time.sleep(_POLL_S)
        else:
            break
    write_report(study.completed(), request.output)
    return study.failures()


def _train(study: SharedStudy, running: RunningTrial, config: Config, request: SweepRequest) -> None:
    """Train one trial to its end and store the result."""
    folder = request.output / running.name
    try:
        train_by(_with(config, running.values), Request(None, [], folder, resume=True, device=request.device))
        eer = _best_eer(folder)
    except ModelError as error:
        study.fail(running, str(error))
        return
    study.complete(running, eer)
    Terminal(stderr=True).print(f"{running.name}: EER {100 * eer:.2f} %", highlight=False, markup=False)


def _with(config: Config, values: dict[str, float]) -> Config:
    """The configuration of one trial."""
    plain = json.loads(json.dumps(config.plain()))
    for name, value in values.items():
        section, key = name.split(".")
        plain[section][key] = value
    return Config.from_values(plain)


def _absolute(config: Config) -> Config:
    """The same with absolute paths, so that processes in different folders have the same configuration."""
    values = config.plain()
    if config.data.manifest is not None:
        values["data"]["manifest"] = str(config.data.manifest.absolute())
    if config.network.init not in _BUILT_IN:
        values["network"]["init"] = str(Path(config.network.init).absolute())
    return Config.from_values(values)


def _best_eer(folder: Path) -> float:
    """The minimum development EER of the training in a folder.

    Raises:
        EvaluationError: There is none.
    """
    rates: list[float] = [entry["eer"] for entry in read_training_state(folder / CHECKPOINT).history]
    if not rates:
        raise EvaluationError(_NO_DEVELOPMENT)
    return min(rates)
