"""What runs a network: OpenVINO on a processor, torch on a GPU and wherever OpenVINO is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from model.errors import EngineMissing, WeightsError
from model.weights import WeightsInfo, load_network, load_tensors

__all__ = ["Engine", "Precision", "Started", "load_engine"]

Precision = Literal["auto", "fp32", "bf16", "int8"]
"""What convolutions are computed in. `auto` takes the fastest that keeps embeddings: bf16 at a cosine of 0.9995 or more
to float32, int8 where each of some compared pictures keeps 0.999 when the weights are loaded (`model/rounding.py`).
`int8` itself promises 0.99."""

Started = Callable[[], NDArray[np.float32]]
"""A batch on its way: the call waits for its embeddings, and gives the same ones however often it is made."""


class Engine(Protocol):
    """A network on a device, loaded and ready. One thread at a time may call it.

    Attributes:
        name: Library, device and precision, for the log and the benchmarks.
        batch: How many pictures at once suit it.
    """

    name: str
    batch: int

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""

    def start(self, pictures: NDArray[np.uint8]) -> Started:
        """Begin to embed one batch, and return before it is done where the device works by itself.

        The pictures may be changed afterwards. A processor computes at once: nobody else would do it meanwhile.

        Raises:
            DeviceLost: The GPU has failed; what this returns may raise it too.
        """
        vectors = self(pictures)
        return lambda: vectors


def load_engine(
    path: Path, *, device: str = "cpu", precision: Precision = "auto", threads: int = 0, batch: int = 0
) -> tuple[Engine, WeightsInfo]:
    """Load a weights file into the engine that suits a device. On a processor torch is imported only where it must be.

    Args:
        path: The weights file.
        device: `cpu` or `cuda`.
        precision: What convolutions are computed in.
        threads: Of the network on a processor; 0 takes all cores.
        batch: The most pictures that will come at once, for a device that records its work; 0 takes what suits it.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: No installed engine has that precision on that device.
    """
    if device == "cpu" and importlib.util.find_spec("openvino") is not None:
        from model.compiled import CompiledEngine

        tensors, info = load_tensors(path)
        try:
            return CompiledEngine(tensors, info, precision=precision, threads=threads), info
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
    if precision == "int8" or (precision == "bf16" and device == "cpu"):
        raise EngineMissing(f"{precision} on {device} needs OpenVINO: pip install openvino, or choose auto or fp32")
    network, info = load_network(path)
    if device == "cuda":
        from model.gpu import GpuEngine

        return GpuEngine(network, info.preprocessing.size_px, precision=precision, batch=batch), info
    from model.eager import EagerEngine

    return EagerEngine(network, precision=precision, threads=threads), info
