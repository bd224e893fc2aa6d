"""Checkpoints: one safetensors file each, written atomically; no pickle.

Tensors are named `network/…`, `average/…`, `loss/…` and `optimizer/<parameter number>/<name>`; the rest of the state is
JSON in the file's metadata, so that tensors and state can never be of two moments.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from model.errors import CheckpointError

__all__ = ["Progress", "drop_unfinished", "load_checkpoint", "read_progress", "save_checkpoint"]

_FORMAT = "oshiwake-checkpoint"


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        step: Optimiser steps done.
        config: The plain configuration.
        config_digest: Its digest.
        history: One entry per measurement: step, loss, eer, threshold, lr.
        failures: Pictures that could not be read, with reasons.
        scaler: State of the loss scaling of float16.
    """

    step: int
    config: dict[str, Any]
    config_digest: str
    history: list[dict[str, float]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    scaler: dict[str, float] = field(default_factory=dict)


def save_checkpoint(
    path: Path, progress: Progress, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write the state of the training, atomically: a reader or a killed run finds the old file or the new one."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        tensors |= {f"{prefix}/{name}": value for name, value in module.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": value for name, value in state.items() if value is not None}
    # safetensors refuses tensors that share memory (the average may, before its first update).
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        metadata = {"format": _FORMAT, "progress": json.dumps(vars(progress), ensure_ascii=False)}
        save_file(tensors, temporary, metadata=metadata)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def drop_unfinished(folder: Path) -> None:
    """Remove the files that a killed training was writing in its folder; each may be as large as a checkpoint."""
    for path in folder.glob(".*.safetensors.*"):
        path.unlink(missing_ok=True)


def read_progress(path: Path) -> Progress:
    """Read how far a checkpoint has come; the tensors stay on disk.

    Raises:
        CheckpointError: The file is missing, damaged or no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise CheckpointError(f"{path}: not a checkpoint of this program")
        return Progress(**json.loads(metadata["progress"]))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: damaged checkpoint ({error})") from error


def load_checkpoint(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer | None) -> Progress:
    """Put a checkpoint's state into the modules and the optimiser.

    Raises:
        CheckpointError: As `read_progress`; also when the tensors do not fit.
    """
    progress = read_progress(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    try:
        for prefix, module in modules.items():
            module.load_state_dict(_under(tensors, prefix))
        if optimizer is not None:
            _load_optimizer(optimizer, _under(tensors, "optimizer"))
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: does not fit this network and loss ({' '.join(str(error).split())[:200]})"
        ) from error
    return progress


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition("/")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
