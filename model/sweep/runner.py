"""Where trials run: here, or wherever a runner of another package sends them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from model.errors import ConfigurationError, EvaluationError, ModelError
from model.training.checkpoint import read_training_state
from model.training.config import Config
from model.training.train_command import Request, train_by
from model.training.trainer import CHECKPOINT

__all__ = ["LocalRunner", "Runner", "TrialOutcome", "TrialRequest", "best_eer", "find_runner"]

_GROUP = "oshiwake.runners"
"""Entry points of this group are further runners: callables without arguments that return one."""


@dataclass(frozen=True)
class TrialRequest:
    """One training of a sweep.

    Attributes:
        study: Id of the study, the same when a sweep goes on.
        name: Made of the values tried, e.g. `lr=0.001,weight_decay=1e-06`; the same values give the same name.
        config: The whole configuration, as JSON can hold it.
        folder: Where a runner that trains here keeps the trial.
        device: `cpu`, `cuda` or `auto`.
    """

    study: str
    name: str
    config: dict[str, Any]
    folder: Path
    device: str = "auto"


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended.

    Attributes:
        name: That of its request.
        eer: Best development EER, 0..1; None where the training failed.
        error: Why it failed, else empty.
    """

    name: str
    eer: float | None
    error: str = ""


class Runner(Protocol):
    """Runs trials somewhere. A trial that was stopped goes on from its checkpoint when it is begun again.

    Attributes:
        trials: How many it wants to have at once.
    """

    trials: int

    def begin(self, request: TrialRequest) -> None:
        """Take a trial."""
        ...

    def wait(self) -> TrialOutcome:
        """The next trial that has ended, of those begun and not yet told."""
        ...


class LocalRunner:
    """Runs trials in this process, one after the other."""

    trials = 1

    def __init__(self) -> None:
        self._waiting: deque[TrialRequest] = deque()

    def begin(self, request: TrialRequest) -> None:
        """See `Runner`."""
        self._waiting.append(request)

    def wait(self) -> TrialOutcome:
        """See `Runner`."""
        request = self._waiting.popleft()
        try:
            config = Config.from_values(request.config)
            train_by(config, Request(None, [], request.folder, resume=True, device=request.device))
            return TrialOutcome(request.name, best_eer(request.folder))
        except ModelError as error:
            return TrialOutcome(request.name, None, str(error))


def best_eer(folder: Path) -> float:
    """The smallest development EER that the training in a folder has measured.

    Raises:
        EvaluationError: The data has no development set to measure on.
    """
    rates = [entry["eer"] for entry in read_training_state(folder / CHECKPOINT).history]
    if not rates:
        raise EvaluationError("a sweep compares development EERs; this data has no development set")
    return min(rates)


def find_runner(name: str) -> Runner:
    """The runner of a name: `local`, or one that an installed package brings.

    Raises:
        ConfigurationError: There is none of that name, or it cannot be used now.
    """
    if name == "local":
        return LocalRunner()
    found = {entry.name: entry for entry in entry_points(group=_GROUP)}
    if name not in found:
        raise ConfigurationError(f"runner {name!r} is not one of {', '.join(sorted({'local', *found}))}")
    make = cast(Callable[[], Runner], found[name].load())
    return make()
