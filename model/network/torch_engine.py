"""The torch engine: the reference for all other engines, and the engine of platforms without OpenVINO.

`model/network/cuda_engine.py` records `FoldedNetwork` on a GPU. Here a processor computes the same in bfloat16, so that
the tests can check the arithmetic without a GPU.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.network.engine import Engine
from model.network.resnet18 import Network

__all__ = ["FoldedNetwork", "TorchEngine", "folded"]


_BATCH = 32


class TorchEngine(Engine):
    """See `model.network.engine.Engine`. Tests compare every other engine with this one in float32."""

    def __init__(
        self,
        network: Network,
        *,
        device: str = "cpu",
        precision: Literal["auto", "fp32", "bf16"] = "fp32",
        threads: int = 0,
    ) -> None:
        """Move the network to the device.

        Args:
            network: In evaluation mode.
            device: `cpu` or `cuda`.
            precision: `auto` is float32.
            threads: Threads on a processor; 0 keeps torch's default.
        """
        self.batch = _BATCH
        if threads:
            torch.set_num_threads(threads)
        self._device = device
        self._forward: Callable[[Tensor], Tensor] = network.eval().to(device).to(memory_format=torch.channels_last)
        if precision == "bf16":
            self._forward = FoldedNetwork(network, torch.bfloat16, device)
        self.name = f"torch {'bfloat16' if precision == 'bf16' else 'float32'} on {device}"

    @torch.inference_mode()
    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        batch = torch.from_numpy(np.require(pictures, requirements=("C", "W"))).to(self._device)
        return self._forward(colours_of(batch)).cpu().numpy()


class FoldedNetwork:
    """A copy of a network without batch normalisation, its trunk in lower precision and channels last.

    The colour histogram and the normalisation to unit length stay in float32, because they need it.
    """

    def __init__(self, network: Network, kind: torch.dtype, device: str = "cpu") -> None:
        """Copy the network.

        Args:
            network: In evaluation mode; it is not changed.
            kind: Precision of the trunk.
            device: `cpu` or `cuda`.
        """
        self._network = folded(network).to(device).to(memory_format=torch.channels_last)
        self._network.trunk.to(kind)
        self._kind = kind

    def __call__(self, pictures: Tensor) -> Tensor:
        """Embed pictures.

        Args:
            pictures: `(n, 3, height, width)` float32 in 0..1, on the network's device.

        Returns:
            `(n, dimension)` float32 of unit length.
        """
        network = self._network
        normal = ((pictures - network.get_buffer("mean")) / network.get_buffer("std")).to(self._kind)
        learned = network.project(network.trunk(normal).float())
        return learned if network.colours is None else network.colours.join(learned, pictures)


def colours_of(batch: Tensor) -> Tensor:
    """Scale pixels: `(n, height, width, 3)` uint8 to `(n, 3, height, width)` float32 in 0..1, channels last."""
    return batch.permute(0, 3, 1, 2).to(torch.float32).div_(255.0)


def folded(network: Network) -> Network:
    """A copy in which each convolution includes the batch normalisation that follows it."""
    network = copy.deepcopy(network)
    trunk = network.trunk
    blocks = [block for layer in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4) for block in layer]
    pairs = [(trunk, "conv1", "bn1"), *((block, f"conv{n}", f"bn{n}") for block in blocks for n in (1, 2))]
    pairs += [(block.downsample, "0", "1") for block in blocks if block.downsample is not None]
    for owner, convolution, norm in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())
    return network
