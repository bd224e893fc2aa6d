"""A TensorBoard log, where TensorBoard is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["open_log"]


def open_log(folder: Path) -> Callable[[dict[str, float]], None] | None:
    """Return what writes the figures of a step, or None without TensorBoard (`pip install 'oshiwake[training]'`)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer = SummaryWriter(str(folder), flush_secs=10)

    def log(figures: dict[str, float]) -> None:
        for name, value in figures.items():
            if name != "step":
                writer.add_scalar(name, value, int(figures["step"]))

    return log
