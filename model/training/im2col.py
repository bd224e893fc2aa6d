"""im2col: convolutions over small feature maps as matrix products, which makes training on CPUs fast.

A network of 64 px pictures ends with maps of 2 x 2. A convolution works row by row, and two pixels at a time leave a
CPU's vector units nearly idle. One matrix holds all pixels of a batch.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["use_im2col"]

_MAX_WIDTH = 3
"""Maximum width of a map, in pixels; a convolution is fast for wider ones."""


class _Im2colConvolution(nn.Conv2d):
    """A convolution that uses im2col for small results; the numbers are the same up to rounding."""

    def forward(self, maps: Tensor) -> Tensor:
        """`(n, in, height, width)` to `(n, out, ...)`."""
        high, wide = self.kernel_size
        down, right = self.stride
        top, left = cast(tuple[int, int], self.padding)
        rows, columns = (maps.shape[2] + 2 * top - high) // down + 1, (maps.shape[3] + 2 * left - wide) // right + 1
        if columns > _MAX_WIDTH:
            return super().forward(maps)
        padded = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, left, left, top, top))  # (n, height, width, in)
        patches = torch.cat(
            [
                padded[:, y : y + rows * down : down, x : x + columns * right : right]
                for y in range(high)
                for x in range(wide)
            ],
            dim=3,
        )  # (n, rows, columns, places * in)
        found = functional.linear(patches, self.weight.permute(0, 2, 3, 1).flatten(1), self.bias)
        return found.permute(0, 3, 1, 2)


def use_im2col(network: nn.Module) -> None:
    """Replace the convolutions of a network in place; parameters and their names stay."""
    for module in network.modules():
        plain = type(module) is nn.Conv2d and module.groups == 1 and module.dilation == (1, 1)
        if plain and module.padding_mode == "zeros" and isinstance(module.padding, tuple):
            module.__class__ = _Im2colConvolution
