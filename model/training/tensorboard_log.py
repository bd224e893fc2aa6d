"""A TensorBoard log, where TensorBoard is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["open_log"]


def open_log(folder: Path, done: int) -> Callable[[dict[str, float]], None] | None:
    """Return what writes the figures of a step, or None without TensorBoard (`pip install 'oshiwake[training]'`).

    Args:
        folder: Where the log lies; a training that goes on adds to it.
        done: Steps of the checkpoint from which it goes on. Later ones, of a training that was killed, are made again
            and count once.
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
