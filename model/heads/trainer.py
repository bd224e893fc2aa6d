"""The detector's training: from nothing to a weights file, with checkpoints."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch.utils.data import DataLoader

from model.errors import CheckpointError
from model.files import write_bytes
from model.heads.config import HeadsConfig
from model.heads.losses import detection_loss
from model.heads.network import HeadNetwork, folded, input_ranges
from model.heads.samples import Samples, read_backgrounds, sample
from model.heads.weights_file import FORMAT, VERSION
from model.network.weights_file import tensor_digest
from model.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint

__all__ = ["CHECKPOINT", "WEIGHTS", "HeadsTrainer"]

CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "heads.safetensors"
_LARGEST_GRADIENT = 5.0
_CALIBRATION = range(5_000_000, 5_000_128)
"""Seeds of drawn pictures that tell the ranges for int8; training draws others."""

_LAST_LR = 1e-5

Report = Callable[[int, float], None]
"""Called after each step with the number of steps done and the loss."""


class HeadsTrainer:
    """A training: the network and how far it has come.

    Attributes:
        state: How far.
    """

    def __init__(self, config: HeadsConfig, output: Path, device: str = "cpu") -> None:
        """Begin, or go on from the checkpoint in the output folder.

        Raises:
            CheckpointError: The checkpoint is damaged, or was made with another configuration.
        """
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self._config = config
        self._output = output
        self._device = torch.device(device)
        self._network = HeadNetwork().to(self._device).to(memory_format=torch.channels_last).train()
        self._average = copy.deepcopy(self._network).eval()
        self._optimizer = torch.optim.AdamW(self._network.parameters(), config.lr, weight_decay=config.weight_decay)
        self.state = TrainingState(0, config.model_dump(mode="json"), config.digest)
        checkpoint = output / CHECKPOINT
        if checkpoint.exists():
            found = load_checkpoint(checkpoint, self._modules, self._optimizer)
            if found.config_digest != config.digest:
                raise CheckpointError(f"{checkpoint}: made with another configuration; choose another output folder")
            found.config = self.state.config
            self.state = found

    def run(self, report: Report) -> None:
        """Train to the end of the schedule.

        Raises:
            ConfigurationError: The backgrounds cannot be read.
        """
        config, done = self._config, self.state.step
        samples = Samples(config.first_picture + done * config.batch, read_backgrounds(config.backgrounds))
        loader = DataLoader(samples, config.batch, num_workers=config.workers)
        for pictures, wanted, weight in loader:
            if self.state.step >= config.steps:
                break
            pixels = pictures.to(self._device).permute(0, 3, 1, 2).float() / 255 - 0.5
            for group in self._optimizer.param_groups:
                group["lr"] = self._learning_rate()
            with torch.autocast(self._device.type, torch.bfloat16):
                found = self._network(pixels)
            loss = detection_loss(found.float(), wanted.to(self._device), weight.to(self._device))
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
            self._optimizer.step()
            self.state.step += 1
            self._follow()
            if self.state.step % config.checkpoint_steps == 0 or self.state.step == config.steps:
                save_checkpoint(self._output / CHECKPOINT, self.state, self._modules, self._optimizer)
            report(self.state.step, float(loss.detach()))

    def export(self, command: str) -> Path:
        """Write the weights in half precision; return their file.

        Args:
            command: The command that made them, for whoever reads the file.
        """
        numbers = folded(self._average.cpu().state_dict())
        numbers |= _ranges(numbers)
        tensors = {name: array.astype(np.float16) for name, array in numbers.items()}
        folder = self._config.backgrounds
        backgrounds = {"backgrounds": folder and folder.name}  # where it lies is nobody's business
        metadata = {
            "format": FORMAT,
            "version": VERSION,
            "digest": tensor_digest(tensors.items()),
            "recipe": json.dumps({"command": command, "config": {**self.state.config, **backgrounds}}, sort_keys=True),
        }
        path = self._output / WEIGHTS
        write_bytes(path, save(tensors, metadata))
        return path

    @property
    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"network": self._network, "average": self._average}

    def _learning_rate(self) -> float:
        step, config = self.state.step, self._config
        rise = min(1.0, (step + 1) / max(1, config.warmup))
        return config.lr * rise * (0.5 + 0.5 * math.cos(math.pi * step / config.steps)) + _LAST_LR

    def _follow(self) -> None:
        """Move the running mean of the weights; at first it forgets faster."""
        share = min(self._config.average, self.state.step / (self.state.step + 9))
        with torch.no_grad():
            here = self._network.state_dict()
            for name, value in self._average.state_dict().items():
                if value.is_floating_point():
                    value.mul_(share).add_(here[name], alpha=1 - share)
                else:
                    value.copy_(here[name])


def _ranges(numbers: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    pictures = torch.from_numpy(np.stack([sample(seed)[0] for seed in _CALIBRATION]))
    with torch.inference_mode():
        return input_ranges(
            {name: torch.from_numpy(array) for name, array in numbers.items()},
            pictures.permute(0, 3, 1, 2).float() / 255 - 0.5,
        )
