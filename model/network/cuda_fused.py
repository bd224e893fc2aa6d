"""A folded ResNet18 in which a convolution, its bias, what is added to it and the ReLU are one kernel of cuDNN.

Taken one by one, each of them writes a whole layer to the GPU's memory and reads it again, which is what a network as
small as this one spends most of its time on.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

__all__ = ["FusedTrunk"]


class FusedTrunk:
    """The trunk of a `FoldedNetwork`, for batches of one size and shape: normalised pictures to features, `(n, 512)`.

    cuDNN has one operation for all of it, with something to add. Where a ResNet adds nothing, zeros are; they are made
    on the first call and stay, because a recorded graph reads them again.
    """

    def __init__(self, trunk: ResNet) -> None:
        self._trunk = trunk
        self._zeros: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, pictures: Tensor) -> Tensor:
        """`(n, 3, height, width)` in the trunk's precision, channels last, to `(n, 512)`."""
        trunk = self._trunk
        x = trunk.maxpool(self._step(pictures, trunk.conv1))
        for layer in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            for block in layer:
                beside = x if block.downsample is None else block.downsample(x)
                x = self._step(self._step(x, block.conv1), block.conv2, beside)
        return torch.flatten(trunk.avgpool(x), 1)

    def _step(self, x: Tensor, convolution: nn.Conv2d, beside: Tensor | None = None) -> Tensor:
        """ReLU of the convolution and what stands beside it."""
        beside = self._nothing(x, convolution) if beside is None else beside
        if not x.is_cuda:
            return torch.relu(convolution(x) + beside)
        return torch.cudnn_convolution_add_relu(
            x,
            convolution.weight,
            beside,
            1.0,
            convolution.bias,
            convolution.stride,
            cast(tuple[int, ...], convolution.padding),
            convolution.dilation,
            convolution.groups,
        )

    def _nothing(self, x: Tensor, convolution: nn.Conv2d) -> Tensor:
        """Zeros as large as the convolution's result."""
        padding = cast(tuple[int, ...], convolution.padding)
        spans = zip(x.shape[2:], padding, convolution.kernel_size, convolution.stride, strict=True)
        sides = [(length + 2 * around - kernel) // stride + 1 for length, around, kernel, stride in spans]
        shape = (len(x), convolution.out_channels, *sides)
        if shape not in self._zeros:
            zeros = torch.zeros(shape, dtype=x.dtype, device=x.device)
            self._zeros[shape] = zeros.contiguous(memory_format=torch.channels_last)
        return self._zeros[shape]
