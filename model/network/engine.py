"""The interface of all engines, which run a network; `model/network/engine_selection.py` chooses one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Engine", "PendingBatch", "Precision"]

Precision = Literal["auto", "fp32", "bf16", "int8"]
"""Precision of the convolutions. `auto` takes the fastest one that keeps the embeddings: bf16 has a cosine of at least
0.9995 to float32; int8 is taken where all pictures that are compared when the weights are loaded reach 0.999
(`model/network/quantization.py`). `int8` promises 0.99, and is refused where one of them does not reach it."""

PendingBatch = Callable[[], NDArray[np.float32]]
"""A batch in flight: a call waits for the embeddings; every further call returns the same ones."""


class Engine(Protocol):
    """A network on a device, loaded and ready. One thread at a time may call it.

    Attributes:
        name: Library, device and precision, for the log and the benchmarks.
        batch: The batch size that suits it.
    """

    name: str
    batch: int

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Start to embed one batch. A GPU works in the background; a processor returns when the batch is done.

        The caller may change the pictures afterwards.

        Raises:
            DeviceLost: The GPU has failed; the returned call may raise it too.
        """
        vectors = self(pictures)
        return lambda: vectors
