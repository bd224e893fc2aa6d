"""Weights files of networks that nobody trained, and pictures for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.network.weights_file import save_network
from model.synthesis import Identity, draw


def pictures(side: int, count: int, first: int = 500) -> NDArray[np.uint8]:
    """Drawn characters that no calibration has seen, no two alike."""
    return np.stack([np.asarray(draw(Identity.from_seed(first + n), n, size_px=side)) for n in range(count)])


def save_weights(path: Path, colours: int, side: int) -> Path:
    """Write weights with numbers such as training leaves them: batch normalisation has seen pictures."""
    torch.manual_seed(colours)
    network = Network(200, colours).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.from_numpy(pictures(side, 8)).permute(0, 3, 1, 2) / 255)
    save_network(path, network.eval(), preprocessing=Preprocessing("pad", side), threshold=0.5)
    return path
