"""The loaded network, ready to turn prepared pictures into embeddings."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.network import Network
from model.preprocessing import Preprocessing
from model.weights import WeightsInfo, load_network

__all__ = ["Embedder"]


class Embedder:
    """A network on a device. One per process; loading takes seconds, embedding milliseconds.

    Attributes:
        info: What the weights say of themselves.
        batch: How many pictures go through the network at once.
    """

    def __init__(self, network: Network, info: WeightsInfo, *, device: str = "cpu", batch: int = 32) -> None:
        self.info = info
        self.batch = batch
        self._device = torch.device(device)
        self._network = network.eval().to(self._device).to(memory_format=torch.channels_last)

    @classmethod
    def load(cls, path: Path, *, device: str = "cpu", batch: int = 32) -> Embedder:
        """Load a weights file and run one batch, so that the first real picture does not wait.

        Raises:
            WeightsError: The file cannot be used.
        """
        network, info = load_network(path)
        embedder = cls(network, info, device=device, batch=batch)
        side = info.preprocessing.size_px
        embedder.embed(np.zeros((1, side, side, 3), np.uint8))
        return embedder

    def under(self, preprocessing: Preprocessing) -> Embedder:
        """The same network for pictures prepared another way than its weights file says."""
        other = copy.copy(self)
        other.info = replace(self.info, preprocessing=preprocessing)
        return other

    def embed(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures, in order, one vector each.

        Args:
            pictures: `(n, size_px, size_px, 3)` uint8, as `info.preprocessing` makes them.

        Returns:
            `(n, dimension)` float32, each row of unit length.
        """
        parts = [self._embed_batch(pictures[i : i + self.batch]) for i in range(0, len(pictures), self.batch)]
        if not parts:
            return np.empty((0, self.info.dimension), np.float32)
        return np.concatenate(parts)

    @torch.inference_mode()
    def _embed_batch(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        batch = torch.from_numpy(np.require(pictures, requirements=("C", "W"))).to(self._device, non_blocking=True)
        floats = batch.permute(0, 3, 1, 2).to(torch.float32).div_(255.0)  # (n, 3, size, size), 0..1
        vectors: NDArray[np.float32] = self._network(floats).float().cpu().numpy()
        return vectors
