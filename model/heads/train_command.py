"""What `reid heads train` does: train with progress, export, and tell about it."""

from __future__ import annotations

import sys
from pathlib import Path

from model.heads.config import HeadsConfig
from model.heads.trainer import HeadsTrainer
from model.network.device import device_of
from model.terminal import Terminal
from model.training.checkpoint import drop_unfinished
from model.work_progress import LINE_OF_TRAINING_S, WorkProgress

__all__ = ["train_heads"]


def train_heads(config: HeadsConfig, output: Path, device: str) -> Path:
    """Train to the end, from the checkpoint in the output folder where there is one; return the weights file.

    Raises:
        ModelError: The configuration or the checkpoint cannot be used.
    """
    output.mkdir(parents=True, exist_ok=True)
    drop_unfinished(output)
    trainer = HeadsTrainer(config, output, device_of(device))
    console = Terminal(stderr=True)
    with WorkProgress(console, "steps", line_every_s=LINE_OF_TRAINING_S) as progress:
        progress.begin("training", config.steps, done=trainer.state.step)
        try:
            trainer.run(lambda step, loss: progress.show(step, f"loss {loss:.3f}"))
        except KeyboardInterrupt:
            console.print(
                f"stopped at step {trainer.state.step}; the same command goes on from the last checkpoint in {output}",
                highlight=False,
                soft_wrap=True,
            )
            raise
    return trainer.export(" ".join(["reid", *sys.argv[1:]]))
