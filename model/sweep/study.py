"""The study of a sweep: an Optuna journal in the output folder, which any number of processes and machines share.

Optuna keeps a heartbeat of running trials only in a database server, so a lock file in each trial's folder takes its
place: the process that trains the trial holds the lock, and the system releases it when that process dies. A second
lock makes choosing the next trial one step.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import ConfigurationError
from model.extras import require_extra
from model.sweep.space import grid_points, suggest
from model.training.config import Config
from model.training.config_overrides import differences

if TYPE_CHECKING:
    import optuna
    from filelock import BaseFileLock

__all__ = ["RunningTrial", "SharedStudy"]

_LOCK = "trial.lock"


@dataclass(frozen=True)
class RunningTrial:
    """A trial that this process trains.

    Attributes:
        trial: Optuna's trial.
        name: Made of its values, such as `lr=0.001,weight_decay=1e-06`; it names the folder of the trial.
        values: What it tries, by the names that `--set` takes.
        lock: Held until the trial ends.
    """

    trial: optuna.Trial
    name: str
    values: dict[str, float]
    lock: BaseFileLock


class SharedStudy:
    """The trials of one sweep."""

    def __init__(self, folder: Path, search: str, seed: int) -> None:
        """Open the study in a folder, or create it.

        Args:
            folder: Of the sweep; all processes that open the same folder share its trials.
            search: `grid`, `random` or `tpe`.
            seed: Of the search.

        Raises:
            ConfigurationError: A package of the extra `training` is missing.
        """
        require_extra("training", "a sweep", "filelock", "matplotlib", "optuna")
        import optuna
        from filelock import FileLock
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._search, self._seed = folder, search, seed
        self._lock = FileLock(folder / "study.lock")
        with self._lock:
            storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
            self._study = optuna.create_study(
                study_name=search, storage=storage, direction="minimize", load_if_exists=True
            )
            self._failed_before = {trial.number for trial in self._trials("FAIL")}

    def join(self, config: dict[str, Any]) -> None:
        """Make sure that the study compares trials of this configuration, or give it to a new study.

        Raises:
            ConfigurationError: The study has trials of another configuration.
        """
        with self._lock:
            self._check_config(config)

    def start_trial(self, n_trials: int) -> RunningTrial | None:
        """Start the next trial, or return None where all `n_trials` of all processes are done, running or failed."""
        with self._lock:
            self._requeue_dead()
            if len(self._trials("COMPLETE", "RUNNING")) + len(self.failures()) >= n_trials:
                return None
            if self._search == "grid" and not self._trials("WAITING"):
                self._enqueue_point()
            self._study.sampler = self._sampler()
            trial = self._study.ask()
            values = suggest(trial, self._search)
            name = ",".join(f"{name.split('.')[1]}={value:.6g}" for name, value in values.items())
            lock = self._trial_lock(name)
            lock.acquire(blocking=False)
            trial.set_user_attr("name", name)
            return RunningTrial(trial, name, values, lock)

    def complete(self, running: RunningTrial, eer: float) -> None:
        """Store the result of a trial: its best development EER, 0..1."""
        # A file system may lose a lock. Then another process has started the trial again, and either result is right.
        self._study.tell(running.trial, eer, skip_if_finished=True)
        running.lock.release()

    def fail(self, running: RunningTrial, reason: str) -> None:
        """Store why a trial cannot be trained."""
        from optuna.trial import TrialState

        running.trial.set_user_attr("error", reason)
        self._study.tell(running.trial, state=TrialState.FAIL, skip_if_finished=True)
        running.lock.release()

    def is_running(self) -> bool:
        """Whether a process trains a trial of this study."""
        return bool(self._trials("RUNNING"))

    def failures(self) -> list[tuple[str, str]]:
        """`(trial, reason)` of those that failed in any process since this one opened the study."""
        return [(t.user_attrs["name"], t.user_attrs["error"]) for t in self._failed()]

    def completed(self) -> list[optuna.trial.FrozenTrial]:
        """The trials that are done, the best first."""
        return sorted(self._trials("COMPLETE"), key=lambda trial: trial.value or 0.0)

    def _trials(self, *states: str) -> list[optuna.trial.FrozenTrial]:
        from optuna.trial import TrialState

        return self._study.get_trials(deepcopy=False, states=[TrialState[state] for state in states])

    def _failed(self) -> list[optuna.trial.FrozenTrial]:
        """Without those whose process died: these have no error."""
        failed = [trial for trial in self._trials("FAIL") if trial.number not in self._failed_before]
        return [trial for trial in failed if "error" in trial.user_attrs]

    def _enqueue_point(self) -> None:
        """Put the next point of the grid into the queue; only one, so that trials of dead processes come before it."""
        known = [trial.params for trial in (*self._trials("COMPLETE", "RUNNING"), *self._failed())]
        for point in grid_points(self._seed):
            if point not in known:
                self._study.enqueue_trial(point)
                return

    def _sampler(self) -> optuna.samplers.BaseSampler:
        """The sampler of the next trial. Its seed depends on the trial: no process draws the values of another."""
        from optuna.samplers import RandomSampler, TPESampler

        seed = self._seed * 1_000_003 + len(self._study.get_trials(deepcopy=False))
        # The grid's points come from the queue; Optuna's own grid sampler works only in Optuna's own loop.
        return TPESampler(seed=seed, constant_liar=True) if self._search == "tpe" else RandomSampler(seed)

    def _requeue_dead(self) -> None:
        """Put the trials of dead processes back into the queue; they continue from their checkpoints."""
        from filelock import Timeout
        from optuna.trial import TrialState

        for trial in self._trials("RUNNING"):
            name = trial.user_attrs.get("name")  # none: its process died before it held the lock
            with suppress(Timeout), self._trial_lock(name).acquire(blocking=False) if name else nullcontext():
                if trial.number in {other.number for other in self._trials("RUNNING")}:  # else it has just ended
                    self._study.tell(trial.number, state=TrialState.FAIL)
                    self._study.enqueue_trial(trial.params)

    def _trial_lock(self, name: str) -> BaseFileLock:
        from filelock import FileLock

        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return FileLock(folder / _LOCK)

    def _check_config(self, config: dict[str, Any]) -> None:
        """Refuse to compare trials of two configurations. As long as none is done or running, the new one counts."""
        before = self._study.user_attrs.get("config", config)
        with suppress(ConfigurationError):  # of an older version: unknown keys get their defaults
            before = Config.from_values(before).plain()
        if self._trials("COMPLETE", "RUNNING") and (other := differences(before, config)):
            what = ", ".join(other)
            raise ConfigurationError(
                f"{self._folder}: its trials have another configuration ({what}); choose another folder"
            )
        if before != config or "config" not in self._study.user_attrs:
            self._study.set_user_attr("config", config)
