"""The configuration of the detector's training, read from TOML."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import ConfigurationError
from model.training.config_overrides import set_value

__all__ = ["HeadsConfig"]


class HeadsConfig(BaseModel):
    """What decides the result of a training.

    Attributes:
        backgrounds: Folder of pictures without any head, parts of which stand behind drawn figures; None for none.
        steps: Optimiser steps.
        batch: Pictures in a step; each is drawn once.
        lr: Learning rate at its highest; it rises for `warmup` steps and falls as a cosine.
        warmup: Steps.
        weight_decay: Of AdamW.
        average: Share that the running mean of the weights keeps at each step.
        first_picture: Seed of the first drawn picture; the seeds are consecutive.
        seed: Of the first weights.
        threads: Of the network on a processor.
        workers: Processes that draw.
        checkpoint_steps: A checkpoint is written after so many steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backgrounds: Path | None = None
    steps: int = Field(6_000, ge=1)
    batch: int = Field(32, ge=1)
    lr: float = Field(2e-3, gt=0)
    warmup: int = Field(200, ge=0)
    weight_decay: float = Field(1e-4, ge=0)
    average: float = Field(0.998, ge=0, lt=1)
    first_picture: int = Field(10_000_000, ge=0)
    seed: int = 0
    threads: int = Field(1, ge=1)
    workers: int = Field(1, ge=0)
    checkpoint_steps: int = Field(250, ge=1)

    @classmethod
    def from_toml(cls, path: Path, overrides: list[str]) -> HeadsConfig:
        """Read a configuration; `overrides` are `key=value` each.

        Raises:
            ConfigurationError: The file or a value cannot be used.
        """
        try:
            values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            for override in overrides:
                set_value(values, override)
            return cls(**values)
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error

    @property
    def digest(self) -> str:
        """Of all values but how the machine is used, and how long: a training may go on with more steps."""
        values = self.model_dump(mode="json", exclude={"steps", "threads", "workers", "checkpoint_steps"})
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
