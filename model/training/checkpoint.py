"""Checkpoints: a safetensors file each, written atomically; no pickle.

Tensors are named `network/…`, `average/…`, `loss/…` and `optimizer/<parameter number>/<name>`; the rest of the state is
JSON in the file's metadata, so tensors and state always belong together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from model.errors import CheckpointError
from model.files import write_bytes
from model.network.resnet18 import Network

__all__ = [
    "TrainingState",
    "drop_unfinished",
    "is_checkpoint",
    "load_checkpoint",
    "read_training_state",
    "save_checkpoint",
    "trained_network",
]

_FORMAT = "oshiwake-checkpoint"


@dataclass
class TrainingState:
    """The state of a training.

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
    path: Path, progress: TrainingState, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> None:
    """Write the state of the training atomically: a killed run leaves the old file or the new one."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        tensors |= {f"{prefix}/{name}": value for name, value in module.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": value for name, value in state.items() if value is not None}
    # safetensors refuses tensors that share memory (the average may, before its first update).
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    metadata = {"format": _FORMAT, "progress": json.dumps(vars(progress), ensure_ascii=False)}
    # safetensors' own writing leaves a temporary file when it is killed.
    write_bytes(path, save(tensors, metadata=metadata))


def drop_unfinished(folder: Path) -> None:
    """Remove temporary files of a killed training; each may be as large as a checkpoint."""
    for path in folder.glob(".*.safetensors.*"):
        path.unlink(missing_ok=True)


def read_training_state(path: Path) -> TrainingState:
    """Read the state of a checkpoint without its tensors.

    Raises:
        CheckpointError: The file is missing, damaged or no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise CheckpointError(f"{path}: not a checkpoint of this program")
        return TrainingState(**json.loads(metadata["progress"]))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: damaged checkpoint ({error})") from error


def load_checkpoint(
    path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer | None
) -> TrainingState:
    """Load a checkpoint into the modules and the optimiser.

    Raises:
        CheckpointError: As `read_training_state`; or the tensors do not fit.
    """
    progress = read_training_state(path)
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


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of this program, by its metadata."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format") == _FORMAT
    except (OSError, SafetensorError):
        return False


def trained_network(path: Path) -> Network:
    """The network of a checkpoint, with the running mean of its weights if there is one.

    Raises:
        CheckpointError: As `load_checkpoint`.
    """
    read_training_state(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    state = _under(tensors, "average") or _under(tensors, "network")
    colours = len(state.get("colours.axes.weight", ()))
    try:
        network = Network(len(state["head.weight"]) + colours, colours)
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path}: holds no network ({' '.join(str(error).split())[:200]})") from error
    return network


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition("/")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
