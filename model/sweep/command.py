"""What `reid sweep` does: ask Optuna, have the trials trained, and tell."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import ConfigurationError
from model.sweep.report import write_report
from model.sweep.runner import Runner, TrialRequest, find_runner
from model.sweep.space import check_search, grid_points, suggest
from model.terminal import Terminal
from model.training.config import Config
from model.training.config_overrides import differences
from model.training.training_data import open_data

if TYPE_CHECKING:
    import optuna

__all__ = ["SweepRequest", "run_sweep"]

_TRIALS = 20
_MADE_HERE = ("scratch", "imagenet", "default")


@dataclass(frozen=True)
class SweepRequest:
    """What `reid sweep` was asked.

    Attributes:
        output: Folder for the study, the table and the plot, and for the trials that are trained here.
        config: TOML file of every trial, or None.
        overrides: `section.key=value` each.
        search: `grid`, `random` or `tpe`.
        trials: How many; 0 for the whole grid, or 20.
        seed: Of the search.
        device: `cpu`, `cuda` or `auto`.
        runner: `local`, or the name of an installed one.
    """

    output: Path
    config: Path | None
    overrides: list[str]
    search: str = "grid"
    trials: int = 0
    seed: int = 1
    device: str = "auto"
    runner: str = "local"


def run_sweep(request: SweepRequest) -> list[tuple[str, str]]:
    """Run the trials that are missing, then print the table and draw the plot.

    The study is a journal file in the output folder. Trials that were being trained when the sweep was stopped are
    begun again first, and go on from their checkpoints.

    Returns:
        `(trial, reason)` of those that failed this time; a further sweep tries them again.

    Raises:
        ModelError: The configuration or the data cannot be used, or Optuna is not installed.
    """
    check_search(request.search)
    config = _anywhere(Config.from_toml(request.config, request.overrides))
    if open_data(config).development is None:
        raise ConfigurationError("a sweep compares development EERs; this data has no development set")
    study = _study(request)
    _need_the_same(study, config.plain(), request.output)
    done = _put_back(study, request)
    wanted = request.trials or (len(grid_points(0)) if request.search == "grid" else _TRIALS)
    failures = _train(study, request, config.plain(), max(0, wanted - done))
    write_report(study, request.output)
    return failures


def _anywhere(config: Config) -> Config:
    """The same with absolute paths: a trial may be trained by another process, in another folder."""
    values = config.plain()
    if config.data.manifest is not None:
        values["data"]["manifest"] = str(config.data.manifest.absolute())
    if config.network.init not in _MADE_HERE:
        values["network"]["init"] = str(Path(config.network.init).absolute())
    return Config.from_values(values)


def _study(request: SweepRequest) -> optuna.Study:
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ConfigurationError("a sweep needs: pip install 'oshiwake[training]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    request.output.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=request.search,
        storage=JournalStorage(JournalFileBackend(str(request.output / "study.journal"))),
        direction="minimize",
        load_if_exists=True,
    )
    # A sweep that goes on must not draw the values of its beginning again.
    seed = request.seed * 1_000_003 + len(study.get_trials(deepcopy=False))
    # The grid's points are put in the queue; Optuna's own grid sampler works in its own loop alone.
    samplers = optuna.samplers
    study.sampler = samplers.TPESampler(seed=seed) if request.search == "tpe" else samplers.RandomSampler(seed)
    if "id" not in study.user_attrs:
        study.set_user_attr("id", f"{time.strftime('%Y%m%d-%H%M')}-{secrets.token_hex(4)}")
    return study


def _need_the_same(study: optuna.Study, config: dict[str, Any], output: Path) -> None:
    """Refuse to compare trials of two configurations; where none is done yet, the new one counts."""
    from optuna.trial import TrialState

    before = study.user_attrs.get("config", config)
    with contextlib.suppress(ConfigurationError):  # of an older version: what it did not know stands at its default
        before = Config.from_values(before).plain()
    if study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) and (other := differences(before, config)):
        what = ", ".join(other)
        raise ConfigurationError(f"{output}: its trials have another configuration ({what}); choose another folder")
    study.set_user_attr("config", config)


def _put_back(study: optuna.Study, request: SweepRequest) -> int:
    """Queue the trials that were cut off, then what the grid lacks; return how many are done."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)
    known = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.WAITING))
    if request.search == "grid":
        seen = [trial.params or trial.system_attrs.get("fixed_params") for trial in known]
        for point in grid_points(request.seed):
            if point not in seen:
                study.enqueue_trial(point)
    return sum(trial.state == TrialState.COMPLETE for trial in known)


def _train(study: optuna.Study, request: SweepRequest, config: dict[str, Any], wanted: int) -> list[tuple[str, str]]:
    """Have so many trials trained, as many at once as the runner takes; return those that failed."""
    from optuna.trial import TrialState

    if not wanted:
        return []
    runner: Runner = find_runner(request.runner)
    console = Terminal(stderr=True)
    begun: dict[str, optuna.Trial] = {}
    failures: list[tuple[str, str]] = []
    while wanted or begun:
        while wanted and len(begun) < runner.trials:
            trial = study.ask()
            one = _request(trial, study.user_attrs["id"], request, config)
            begun[one.name] = trial
            runner.begin(one)
            wanted -= 1
        outcome = runner.wait()
        trial = begun.pop(outcome.name)
        if outcome.eer is None:
            study.tell(trial, state=TrialState.FAIL)
            failures.append((outcome.name, outcome.error))
        else:
            study.tell(trial, outcome.eer)
            console.print(f"{outcome.name}: EER {100 * outcome.eer:.2f} %", highlight=False, markup=False)
    return failures


def _request(trial: optuna.Trial, study: str, request: SweepRequest, config: dict[str, Any]) -> TrialRequest:
    """The training that a trial asks for."""
    values = suggest(trial, request.search)
    plain = json.loads(json.dumps(config))
    for name, value in values.items():
        section, key = name.split(".")
        plain[section][key] = value
    name = ",".join(f"{name.split('.')[1]}={value:.6g}" for name, value in values.items())
    trial.set_user_attr("name", name)
    return TrialRequest(study, name, plain, request.output.absolute() / name, request.device)
