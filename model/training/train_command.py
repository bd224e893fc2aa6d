"""`reid train`: open the data, train, export, and print progress."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from model.errors import ConfigurationError
from model.images.preprocessing import Preprocessing
from model.network.device import device_of
from model.network.resnet18 import Network
from model.network.weights_file import WeightsInfo
from model.terminal import Terminal
from model.training.checkpoint import drop_unfinished
from model.training.config import Config
from model.training.distributed import Ranks, join_ranks
from model.training.export import export
from model.training.fit_colours import fit_colours
from model.training.initial_weights import initial_network, is_new
from model.training.stop_signal import TrainingStopped, stop_signal
from model.training.tensorboard_log import open_log
from model.training.trainer import CHECKPOINT, Trainer, steps_of
from model.training.training_data import TrainingData, open_data
from model.work_progress import LINE_OF_TRAINING_S, WorkProgress

__all__ = ["FITTED_PICTURES", "WEIGHTS", "Request", "run_training", "train_by"]

WEIGHTS = "weights.safetensors"

FITTED_PICTURES = 2_000
"""Number of pictures for fitting the colour features of a new network."""


@dataclass(frozen=True)
class Request:
    """The options of `reid train`.

    Attributes:
        config: TOML file, or None for the article's recipe.
        overrides: `section.key=value` each.
        output: Folder for checkpoints and weights.
        resume: Continue from the checkpoint there.
        changed: Continue although the configuration has changed.
        device: `cpu`, `cuda` or `auto`.
        half: Write half precision.
    """

    config: Path | None
    overrides: list[str]
    output: Path
    resume: bool = False
    changed: bool = False
    device: str = "auto"
    half: bool = False


def run_training(request: Request) -> WeightsInfo | None:
    """Train with a configuration and write `weights.safetensors` beside the checkpoints.

    Raises:
        ModelError: The configuration, the data or the checkpoint cannot be used.
    """
    config = Config.from_toml(request.config, request.overrides)
    return train_by(config, request)


def train_by(config: Config, request: Request) -> WeightsInfo | None:
    """Train with `config` instead of the configuration file and overrides of the request.

    Returns:
        The description of the weights; None in all processes but the first.
    """
    data = open_data(config)
    config = config.with_steps(steps_of(config, data))
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    ranks = join_ranks()
    trainer = _trainer(config, data, request, ranks)
    _train(trainer, request.output, ranks)
    if config.run.patience:
        trainer.load_best()
    if not ranks.is_first:
        return None
    info = export(
        request.output / WEIGHTS,
        trainer.average,
        config,
        data.development,
        steps=trainer.progress.step,
        command=" ".join(["reid", *sys.argv[1:]]),
        half=request.half,
    )
    _tell(request.output / WEIGHTS, info, trainer)
    return info


def _trainer(config: Config, data: TrainingData, request: Request, ranks: Ranks) -> Trainer:
    """A new run, or one that continues from its checkpoint."""
    checkpoint = request.output / CHECKPOINT
    if checkpoint.exists() and not request.resume:
        raise ConfigurationError(f"{checkpoint} exists: go on with --resume, or choose another output folder")
    if ranks.is_first:
        drop_unfinished(request.output)
    network = initial_network(config)
    if not checkpoint.exists():
        _fit(network, config, data)
    trainer = Trainer(config, data, request.output, network, device_of(request.device), ranks)
    if checkpoint.exists():
        trainer.resume(checkpoint, changed=request.changed)
    return trainer


def _tell(path: Path, info: WeightsInfo, trainer: Trainer) -> None:
    console = Terminal()
    for picture, reason in trainer.progress.failures.items():
        console.print(f"skipped: {picture}: {reason}", highlight=False, markup=False, soft_wrap=True)
    rate = info.measured.get("eer")
    text = info.measured.get("note") if rate is None else f"EER {100 * rate:.2f} % on {info.measured['set']}"
    console.print(f"{path}: threshold {info.threshold:.3f}, {text}", highlight=False, markup=False, soft_wrap=True)


def _fit(network: Network, config: Config, data: TrainingData) -> None:
    """Fit the colour features of a new network to the first training pictures."""
    if network.colours is None or not is_new(config):
        return
    pictures = islice((pair for batch in data.plan.batches(0) for pair in batch), FITTED_PICTURES)
    preprocessing = Preprocessing(config.network.fit, config.network.size_px)
    fit_colours(network.colours, data.source, list(pictures), preprocessing)


def _train(trainer: Trainer, output: Path, ranks: Ranks) -> None:
    """Train with progress in sight, and a TensorBoard log if possible.

    Ctrl-C lets the step end, writes a checkpoint, and says how to go on. Several processes end at once instead.

    Raises:
        TrainingStopped: By Ctrl-C.
    """
    console = Terminal(stderr=True, quiet=not ranks.is_first)
    log = open_log(output / "tensorboard", trainer.progress.step) if ranks.is_first else None
    step = trainer.progress.step
    with (
        stop_signal(ranks.count == 1) as stop,
        WorkProgress(console, "steps", line_every_s=LINE_OF_TRAINING_S) as progress,
    ):
        progress.begin("training", trainer.config.schedule.steps, done=step)

        def report(figures: dict[str, float]) -> None:
            if log is not None:
                log(figures)
            if "eer" in figures:
                console.print(" ".join(f"{name}={value:.5g}" for name, value in figures.items()), highlight=False)
            progress.show(int(figures["step"]), f"loss {figures['loss']:.3f}")
            if stop.is_set():
                trainer.save()
                raise TrainingStopped(f"stopped after step {int(figures['step'])}, which {output / CHECKPOINT} holds")

        trainer.run(report)
