"""The network by torch: on a GPU, and on a processor for which there is no OpenVINO."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from model.network import Network

__all__ = ["EagerEngine"]


class EagerEngine:
    """See `model.engine.Engine`. In float32 on a processor it is the plain way, which every other is tested against."""

    def __init__(
        self,
        network: Network,
        *,
        device: str = "cpu",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "fp32",
        threads: int = 0,
    ) -> None:
        if threads and device == "cpu":
            torch.set_num_threads(threads)
        self._device = torch.device(device)
        self._network = network.eval().to(self._device).to(memory_format=torch.channels_last)
        self.name = f"torch fp32 on {device}"

    @torch.inference_mode()
    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        batch = torch.from_numpy(np.require(pictures, requirements=("C", "W"))).to(self._device, non_blocking=True)
        floats = batch.permute(0, 3, 1, 2).to(torch.float32).div_(255.0)  # (n, 3, size, size), 0..1
        vectors: NDArray[np.float32] = self._network(floats).float().cpu().numpy()
        return vectors
