"""The network by torch: on a GPU, and on a processor for which there is no OpenVINO.

On a GPU, convolutions and batch normalisations are one, computed in half precision with channels last; a whole batch is
recorded once as a CUDA graph and replayed; pixels travel through pinned memory. None of that has been run on a GPU
yet: tests compare the same arithmetic on a processor.
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

from model.network import Network

__all__ = ["EagerEngine", "folded"]


_BATCH, _GPU_BATCH = 32, 64
"""Unproven on a GPU: it has to be large enough to fill one, and a small part of a chunk."""


class EagerEngine:
    """See `model.engine.Engine`. In float32 on a processor it is the plain way, which every other is tested against."""

    def __init__(
        self,
        network: Network,
        *,
        device: str = "cpu",
        precision: Literal["auto", "fp32", "bf16"] = "fp32",
        threads: int = 0,
    ) -> None:
        """Move the network to its device.

        Args:
            network: In evaluation mode; not changed on a GPU.
            device: `cpu` or `cuda`.
            precision: `auto` is float16 on a GPU, float32 on a processor.
            threads: Of the network on a processor; 0 leaves torch's default.
        """
        self._device = torch.device(device)
        gpu = self._device.type == "cuda"
        self.batch = _GPU_BATCH if gpu else _BATCH
        if threads and not gpu:
            torch.set_num_threads(threads)
        kind = {"bf16": torch.bfloat16, "auto": torch.float16 if gpu else torch.float32}.get(precision, torch.float32)
        network = folded(network.eval()) if gpu or kind != torch.float32 else network.eval()
        self._network = network.to(self._device).to(memory_format=torch.channels_last)
        self._forward: Callable[[Tensor], Tensor] = self._network
        if kind != torch.float32:
            self._network.trunk.to(kind)
            self._forward = lambda pictures: self._narrow(pictures, kind)
        self._recording: _Recording | None = None
        self.name = f"torch {str(kind).removeprefix('torch.')} on {device}"

    @torch.inference_mode()
    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        batch = torch.from_numpy(np.require(pictures, requirements=("C", "W")))
        if self._device.type != "cuda":
            return self._embed(batch).numpy()
        if self._recording is None:  # the first batch, a whole one, as the warm-up sends it
            self._recording = _Recording(self._embed, batch, self._device)
        if batch.shape == self._recording.shape:
            return self._recording.replay(batch).cpu().numpy()
        return self._embed(batch.pin_memory().to(self._device, non_blocking=True)).cpu().numpy()

    def _embed(self, batch: Tensor) -> Tensor:
        floats = batch.permute(0, 3, 1, 2).to(torch.float32).div_(255.0)  # (n, 3, size, size), 0..1
        return self._forward(floats).float()

    def _narrow(self, pictures: Tensor, kind: torch.dtype) -> Tensor:
        """The network with its trunk alone in half precision: colours and the unit length need more."""
        network = self._network
        normal = ((pictures - network.get_buffer("mean")) / network.get_buffer("std")).to(kind)
        learned = network.project(network.trunk(normal).float())
        return learned if network.colours is None else network.colours.join(learned, pictures)


class _Recording:
    """A batch's work on a GPU, recorded once; replaying it costs the processor next to nothing."""

    def __init__(self, work: Callable[[Tensor], Tensor], example: Tensor, device: torch.device) -> None:
        self.shape = example.shape
        self._staged = torch.empty_like(example, pin_memory=True)
        self._input = torch.zeros_like(example, device=device)
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries choose and allocate before anything is recorded
            for _ in range(3):
                work(self._input)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = work(self._input)

    def replay(self, batch: Tensor) -> Tensor:
        """The work done on a batch of the recorded shape; valid until the next call."""
        self._staged.copy_(batch)
        self._input.copy_(self._staged, non_blocking=True)
        self._graph.replay()
        return self._output


def folded(network: Network) -> Network:
    """A copy with every batch normalisation multiplied into the convolution before it."""
    network = copy.deepcopy(network)
    trunk = network.trunk
    blocks = [block for layer in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4) for block in layer]
    pairs = [(trunk, "conv1", "bn1"), *((block, f"conv{n}", f"bn{n}") for block in blocks for n in (1, 2))]
    pairs += [(block.downsample, "0", "1") for block in blocks if block.downsample is not None]
    for owner, convolution, norm in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())
    return network
