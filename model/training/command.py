"""What `reid train` does: open, train, export, and tell about it."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.errors import ConfigurationError
from model.network import Network
from model.preprocessing import Preprocessing
from model.training.config import Config
from model.training.data import TrainingData, open_data
from model.training.export import export
from model.training.fit_colours import fit_colours
from model.training.initial import initial_network, is_new
from model.training.trainer import CHECKPOINT, Trainer, steps_of

__all__ = ["run_training"]

WEIGHTS = "weights.safetensors"

_FITTED = 2_000
"""Pictures by which the colours of a new network are fitted."""


def run_training(
    path: Path | None, overrides: list[str], output: Path, *, resume: bool, changed: bool, device: str
) -> None:
    """Train by a configuration file and write `weights.safetensors` beside the checkpoints.

    Raises:
        ModelError: The configuration, the data or the checkpoint cannot be used.
    """
    config = Config.from_toml(path, overrides)
    data = open_data(config)
    config = config.with_steps(steps_of(config, data))
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    checkpoint = output / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise ConfigurationError(f"{checkpoint} exists: go on with --resume, or choose another output folder")
    network = initial_network(config)
    if not checkpoint.exists():
        _fit(network, config, data)
    trainer = Trainer(config, data, output, network, _device(device))
    if checkpoint.exists():
        trainer.resume(checkpoint, changed=changed)
    _train(trainer)
    info = export(
        output / WEIGHTS,
        trainer.average,
        config,
        data.development,
        steps=trainer.progress.step,
        command=" ".join(["reid", *sys.argv[1:]]),
    )
    Console().print(f"{output / WEIGHTS}: threshold {info.threshold:.3f}, {info.measured}")


def _fit(network: Network, config: Config, data: TrainingData) -> None:
    """Fit the colours of a new network to the first training pictures."""
    if network.colours is None or not is_new(config):
        return
    pictures = islice((pair for batch in data.plan.batches(0) for pair in batch), _FITTED)
    preprocessing = Preprocessing(config.network.fit, config.network.size_px)
    fit_colours(network.colours, data.source, list(pictures), preprocessing)


def _train(trainer: Trainer) -> None:
    """Run with a progress bar on a terminal, with a line per 50 steps elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=trainer.config.schedule.steps, completed=trainer.progress.step)

        def report(figures: dict[str, float]) -> None:
            bar.update(task, completed=figures["step"], description=f"loss {figures['loss']:.3f}")
            if "eer" in figures or (not console.is_terminal and figures["step"] % 50 == 0):
                console.print(" ".join(f"{name}={value:.5g}" for name, value in figures.items()), highlight=False)

        trainer.run(report)


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
