"""A study: the trials of one sweep that workers train, each with its configuration, its checkpoints and its result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from store.fields import KNOWN_ALONE, Text, read_model
from store.files import write_json

__all__ = ["Trial", "TrialResult", "valid_study", "valid_trial"]

_STUDY = re.compile(r"[0-9]{8}-[0-9]{4}-[0-9a-f]{8}")
_TRIAL = re.compile(r"[a-z_]{1,40}=[0-9.e+-]{1,20}(,[a-z_]{1,40}=[0-9.e+-]{1,20}){0,7}")


def valid_study(text: str) -> bool:
    """Whether a text has the form of a study's id, such as `20261123-0412-5f3a9c01`."""
    return _STUDY.fullmatch(text) is not None


def valid_trial(text: str) -> bool:
    """Whether a text has the form of a trial's name, such as `lr=0.001,weight_decay=1e-06`."""
    return _TRIAL.fullmatch(text) is not None


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        eer: Best equal error rate on the development set, 0..1; None where the training failed.
        error: Why it failed, else empty.
    """

    __pydantic_config__ = KNOWN_ALONE

    eer: Annotated[float, Field(strict=True, ge=0, le=1)] | None
    error: Text = ""


@dataclass(frozen=True)
class _Begun:
    """What a trial is to train; the training knows what its fields may hold."""

    __pydantic_config__ = KNOWN_ALONE

    config: dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One training of a study, in a folder of its own.

    Attributes:
        folder: Holds `trial.json`, the training's own files, and at the end `result.json`.
    """

    folder: Path

    def begin(self, config: dict[str, Any]) -> None:
        """Say what to train. An earlier failure is forgotten; checkpoints and a good result stay."""
        write_json(self.folder / "trial.json", {"config": config})
        if (result := self.result) is not None and result.eer is None:
            (self.folder / "result.json").unlink(missing_ok=True)

    @property
    def exists(self) -> bool:
        """Whether it was begun."""
        return (self.folder / "trial.json").exists()

    @property
    def config(self) -> dict[str, Any]:
        """The whole configuration, as JSON can hold it.

        Raises:
            DamagedStore: It is missing or cannot be read.
        """
        return read_model(self.folder / "trial.json", _Begun).config

    @property
    def result(self) -> TrialResult | None:
        """How it ended, or None while it has not."""
        path = self.folder / "result.json"
        if not path.exists():
            return None
        return read_model(path, TrialResult)

    def end(self, result: TrialResult) -> None:
        """Say how it ended."""
        write_json(self.folder / "result.json", {"eer": result.eer, "error": result.error})
