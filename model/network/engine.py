"""What runs a network, whatever library and device it is; `model/network/engine_selection.py` chooses one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Engine", "PendingBatch", "Precision"]

Precision = Literal["auto", "fp32", "bf16", "int8"]
"""What convolutions are computed in. `auto` takes the fastest that keeps embeddings: bf16 at a cosine of 0.9995 or more
to float32, int8 where each of some compared pictures keeps 0.999 when the weights are loaded
(`model/network/quantization.py`).
`int8` itself promises 0.99, and is refused where the compared pictures do not keep that."""

PendingBatch = Callable[[], NDArray[np.float32]]
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

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Begin to embed one batch, and return before it is done where the device works by itself.

        The pictures may be changed afterwards. A processor computes at once: nobody else would do it meanwhile.

        Raises:
            DeviceLost: The GPU has failed; what this returns may raise it too.
        """
        vectors = self(pictures)
        return lambda: vectors
