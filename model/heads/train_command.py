"""What `reid heads train` does: train with progress, export, and tell about it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from model.heads.config import HeadsConfig
from model.heads.trainer import HeadsTrainer
from model.network.device import device_of
from model.terminal import Terminal
from model.training.checkpoint import drop_unfinished

__all__ = ["train_heads"]

_LINE_S = 60.0
"""A log has a line so often."""


def train_heads(config: HeadsConfig, output: Path, device: str) -> Path:
    """Train to the end, from the checkpoint in the output folder where there is one; return the weights file.

    Raises:
        ModelError: The configuration or the checkpoint cannot be used.
    """
    output.mkdir(parents=True, exist_ok=True)
    drop_unfinished(output)
    trainer = HeadsTrainer(config, output, device_of(device))
    console = Terminal(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    first, begun_s = trainer.state.step, time.monotonic()
    said_s = 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=config.steps, completed=first)

        def report(step: int, loss: float) -> None:
            nonlocal said_s
            bar.update(task, completed=step, description=f"loss {loss:.3f}")
            passed_s = time.monotonic() - begun_s
            if not console.is_terminal and (passed_s - said_s >= _LINE_S or step == config.steps):
                said_s = passed_s
                rate = (step - first) / passed_s
                left = (config.steps - step) / rate / 60
                text = f"step {step} of {config.steps}, loss {loss:.3f}, {rate:.2f} steps/s, {left:.0f} min left"
                console.print(text, highlight=False)

        try:
            trainer.run(report)
        except KeyboardInterrupt:
            console.print(
                f"stopped at step {trainer.state.step}; the same command goes on from the last checkpoint in {output}",
                highlight=False,
                soft_wrap=True,
            )
            raise
    return trainer.export(" ".join(["reid", *sys.argv[1:]]))
