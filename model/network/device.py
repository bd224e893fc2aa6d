"""The device that the commands of `reid` compute on."""

from __future__ import annotations

from model.errors import ConfigurationError
from model.extras import installed

__all__ = ["device_of"]


def device_of(name: str) -> str:
    """The named device, `cpu` or `cuda`, or the one that `auto` stands for: a processor where torch is not installed.

    Raises:
        ConfigurationError: There is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigurationError(f"device {name!r} is not one of auto, cpu, cuda")
    if name == "cpu":
        return name
    if not installed("torch"):
        if name == "cuda":
            raise ConfigurationError("device 'cuda' needs torch: pip install 'oshiwake[gpu]'")
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise ConfigurationError("device 'cuda': torch sees no GPU here")
    return "cpu"
