"""What `reid sweep` does: ask Optuna, train, and tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from model.errors import ConfigurationError
from model.files import write_text
from model.plot import Axis, Chart, Series, save_chart
from model.sweep.runner import LocalRunner, Runner, TrialRequest
from model.sweep.space import GRID, check_search, suggest
from model.training.config import Config

if TYPE_CHECKING:
    import optuna

__all__ = ["SweepRequest", "run_sweep"]

_TRIALS = 20


@dataclass(frozen=True)
class SweepRequest:
    """What `reid sweep` was asked.

    Attributes:
        output: Folder for the study and its trials.
        config: TOML file of every trial, or None.
        overrides: `section.key=value` each.
        search: `grid`, `random` or `tpe`.
        trials: How many; 0 for the whole grid, or 20.
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


def run_sweep(request: SweepRequest, runner: Runner | None = None) -> None:
    """Run the trials that are missing, then print the table and draw the plot.

    The study is a journal file in the output folder. A trial that was being trained when the sweep was stopped is
    tried again first, and goes on from its checkpoint.

    Raises:
        ModelError: The configuration or the data cannot be used, or Optuna is not installed.
    """
    check_search(request.search)
    config = Config.from_toml(request.config, request.overrides)
    study = _study(request)
    done = _requeue(study)
    wanted = request.trials or (len(GRID["optimizer.lr"]) * len(GRID["optimizer.weight_decay"]))
    wanted = request.trials or (wanted if request.search == "grid" else _TRIALS)
    study.optimize(_objective(request, config, runner or LocalRunner()), n_trials=max(0, wanted - done))
    _tell(study, request.output)


def _study(request: SweepRequest) -> optuna.Study:
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ConfigurationError("a sweep needs: pip install 'oshiwake[training]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    request.output.mkdir(parents=True, exist_ok=True)
    samplers: dict[str, Any] = {
        "grid": lambda: optuna.samplers.GridSampler(GRID, seed=request.seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=request.seed),
        "tpe": lambda: optuna.samplers.TPESampler(seed=request.seed),
    }
    return optuna.create_study(
        study_name=request.search,
        storage=JournalStorage(JournalFileBackend(str(request.output / "study.journal"))),
        sampler=samplers[request.search](),
        direction="minimize",
        load_if_exists=True,
    )


def _requeue(study: optuna.Study) -> int:
    """Put trials that were cut off back in the queue; return how many are done."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.enqueue_trial(trial.params, skip_if_exists=False)
        study.tell(trial.number, state=TrialState.FAIL)
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _objective(request: SweepRequest, config: Config, runner: Runner) -> Any:
    def objective(trial: optuna.Trial) -> float:
        values = suggest(trial, request.search)
        plain = config.plain()
        for name, value in values.items():
            section, key = name.split(".")
            plain[section][key] = value
        folder = request.output / "_".join(f"{name.split('.')[1]}={value:.3g}" for name, value in values.items())
        trial.set_user_attr("folder", str(folder))
        return runner.run(TrialRequest(plain, str(folder.absolute()), request.device))

    return objective


def _tell(study: optuna.Study, output: Path) -> None:
    from optuna.trial import TrialState

    trials = sorted(study.get_trials(states=(TrialState.COMPLETE,)), key=lambda trial: trial.value or 0.0)
    rows = [{**trial.params, "eer": trial.value, "folder": trial.user_attrs["folder"]} for trial in trials]
    table = Table("learning rate", "weight decay", "development EER", "folder")
    for row in rows:
        lr, decay = f"{row['optimizer.lr']:.3g}", f"{row['optimizer.weight_decay']:.3g}"
        table.add_row(lr, decay, f"{100 * row['eer']:.2f} %", row["folder"])
    Console().print(table)
    write_text(output / "sweep.json", json.dumps(rows, indent=1) + "\n")
    if rows:
        save_chart(_chart(rows), output / "sweep.svg")


def _chart(rows: list[dict[str, Any]]) -> Chart:
    """EER by learning rate, a series per weight decay (those of a random search together)."""
    decays = sorted({row["optimizer.weight_decay"] for row in rows})
    groups = decays if len(decays) <= len(GRID["optimizer.weight_decay"]) else [None]
    series = [
        Series(
            "" if decay is None else f"weight decay {decay:g}",
            sorted((row["optimizer.lr"], row["eer"]) for row in rows if decay in (None, row["optimizer.weight_decay"])),
            "dots" if decay is None else "line",
        )
        for decay in groups
    ]
    rates = [row["optimizer.lr"] for row in rows]
    x = Axis("learning rate", min(rates) / 2, max(rates) * 2, "log")
    y = Axis("development EER", 0, max(0.05, max(row["eer"] for row in rows) * 1.1), percent=True)
    return Chart("Sweep", x, y, series)
