"""The loaded network, which turns prepared pictures into embeddings."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.images.preprocessing import Preprocessing
from model.network.engine import Engine, PendingBatch, Precision
from model.network.engine_selection import load_engine
from model.network.weights_file import WeightsInfo

__all__ = ["Embedder"]


class Embedder:
    """A network on a device. One per process; loading takes seconds, embedding milliseconds.

    Attributes:
        info: The description in the weights file.
        batch: Pictures per batch.
        engine: It runs the network.
    """

    def __init__(self, engine: Engine, info: WeightsInfo, *, batch: int = 0) -> None:
        self.engine = engine
        self.info = info
        self.batch = batch or engine.batch

    @classmethod
    def load(
        cls, path: Path, *, device: str = "cpu", batch: int = 0, precision: Precision = "auto", threads: int = 0
    ) -> Embedder:
        """Load a weights file and embed one batch, so that the first real picture does not wait.

        Args:
            path: The weights file.
            device: `cpu` or `cuda`.
            batch: Pictures per batch; 0 takes the size that suits the engine.
            precision: Of the convolutions.
            threads: Threads on a processor; 0 takes all cores.

        Raises:
            WeightsError: The file cannot be used.
            EngineMissing: No installed engine has that precision on that device.
        """
        engine, info = load_engine(path, device=device, precision=precision, threads=threads, batch=batch)
        embedder = cls(engine, info, batch=batch)
        side = info.preprocessing.size_px
        embedder.embed(np.zeros((embedder.batch, side, side, 3), np.uint8))
        return embedder

    def under(self, preprocessing: Preprocessing) -> Embedder:
        """The same network for pictures with another preprocessing than that of its weights file."""
        other = copy.copy(self)
        other.info = replace(self.info, preprocessing=preprocessing)
        return other

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Start to embed at most `batch` prepared pictures.

        Args:
            pictures: `(n, size_px, size_px, 3)` uint8, as `info.preprocessing` makes them.

        Returns:
            A call that waits, and returns the same as `embed`.
        """
        return self.engine.start(pictures)

    def embed(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures, in order, one vector each.

        Args:
            pictures: `(n, size_px, size_px, 3)` uint8, as `info.preprocessing` makes them.

        Returns:
            `(n, dimension)` float32, each row of unit length.
        """
        parts = [self.engine(pictures[i : i + self.batch]) for i in range(0, len(pictures), self.batch)]
        if not parts:
            return np.empty((0, self.info.dimension), np.float32)
        return np.concatenate(parts)
