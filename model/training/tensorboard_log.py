"""A TensorBoard log, if TensorBoard is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["open_log"]


def open_log(folder: Path, done: int) -> Callable[[dict[str, float]], None] | None:
    """A function that logs the figures of a step, or None without TensorBoard (`pip install 'oshiwake[training]'`).

    Args:
        folder: Of the log; a resumed training appends to it.
        done: Steps of the checkpoint. The log drops later ones of a killed training, which are repeated.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer = SummaryWriter(str(folder), flush_secs=10, purge_step=done + 1 if done else None)

    def log(figures: dict[str, float]) -> None:
        for name, value in figures.items():
            if name != "step":
                writer.add_scalar(name, value, int(figures["step"]))

    return log
