"""Convolutions over maps of a few pixels as matrix products: what makes training on CPUs fast.

A network of 64 px pictures ends with maps of 2 x 2, and a convolution works row by row: two pixels at a time keep a
CPU's vector and matrix units nearly idle. Gathered into one matrix, all pixels of a batch go through them together.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["use_im2col"]

_NARROW = 3
"""Widest map, in pixels, that is gathered; wider ones keep the units busy as they are."""


class _Gathering(nn.Conv2d):
    """A convolution that multiplies matrices where its result is narrow; the numbers are the same up to rounding."""

    def forward(self, maps: Tensor) -> Tensor:
        """As any convolution: `(n, in, height, width)` to `(n, out, ...)`."""
        high, wide = self.kernel_size
        down, right = self.stride
        top, left = cast(tuple[int, int], self.padding)
        rows, columns = (maps.shape[2] + 2 * top - high) // down + 1, (maps.shape[3] + 2 * left - wide) // right + 1
        if columns > _NARROW:
            return super().forward(maps)
        padded = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, left, left, top, top))  # (n, height, width, in)
        seen = torch.cat(
            [
                padded[:, y : y + rows * down : down, x : x + columns * right : right]
                for y in range(high)
                for x in range(wide)
            ],
            dim=3,
        )  # (n, rows, columns, places * in)
        found = functional.linear(seen, self.weight.permute(0, 2, 3, 1).flatten(1), self.bias)
        return found.permute(0, 3, 1, 2)


def use_im2col(network: nn.Module) -> None:
    """Turn the plain convolutions of a network into such ones, in place; parameters and their names stay."""
    for module in network.modules():
        plain = type(module) is nn.Conv2d and module.groups == 1 and module.dilation == (1, 1)
        if plain and module.padding_mode == "zeros" and isinstance(module.padding, tuple):
            module.__class__ = _Gathering
