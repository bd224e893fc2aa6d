"""The colour histogram features of an embedding, which do not depend on texture.

A network that has learned from drawn characters finds only part of their shapes in real drawings, but hair and clothes
have the same colours in both. A histogram with soft bins, weighted to the middle of the picture, keeps these colours
apart from the backbone embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.images.constants import BINS, LEVELS, SAMPLES, SPREAD, WHITE, WHITE_WEIGHT

__all__ = ["BINS", "ColourHistogram"]


class ColourHistogram(nn.Module):
    """A colour histogram, projected by a linear layer, with unit length.

    Attributes:
        axes: The linear layer, `BINS` to `dimension`; fitted in closed form, not by gradients.
        share: Share of the colours in the squared length of the whole embedding, 0..1.
    """

    share: Tensor

    def __init__(self, dimension: int, share: float = 0.3) -> None:
        super().__init__()
        self.axes = nn.Linear(BINS, dimension)
        self.register_buffer("share", torch.tensor(share))

    def forward(self, pictures: Tensor) -> Tensor:
        """`(n, 3, height, width)` float in 0..1 to `(n, dimension)` float, unit length."""
        return functional.normalize(self.axes(histograms(pictures)), dim=1)

    def join(self, learned: Tensor, pictures: Tensor) -> Tensor:
        """Append the colours to the backbone embedding, `(n, d)` of unit length; the result has unit length too."""
        share = self.share.to(learned.dtype)
        colours = self(pictures).to(learned.dtype)
        return torch.cat([learned * (1 - share).sqrt(), colours * share.sqrt()], dim=1)


def histograms(pictures: Tensor) -> Tensor:
    """Square roots of the share of each colour, `(n, BINS)` float; the squares of a row add up to 1.

    A pixel counts in the eight bins around its colour, by trilinear weights, so that a small change of colour makes a
    small change here.
    """
    step = max(1, min(pictures.shape[-2:]) // SAMPLES)
    sampled = pictures.float()[:, :, ::step, ::step]
    weights = _middle(sampled) * torch.where(sampled.amin(1) > WHITE, WHITE_WEIGHT, 1.0)  # (n, h, w)
    levels = torch.arange(LEVELS, device=sampled.device)
    near = torch.relu(1 - (sampled.flatten(2).unsqueeze(3) * (LEVELS - 1) - levels).abs())  # (n, 3, pixels, levels)
    red, green, blue = near.unbind(1)
    pairs = (red.unsqueeze(3) * green.unsqueeze(2)).flatten(2) * weights.flatten(1).unsqueeze(2)  # (n, pixels, 64)
    counts = torch.bmm(pairs.transpose(1, 2), blue).flatten(1)  # (n, BINS)
    return (counts / counts.sum(dim=1, keepdim=True)).sqrt()


def _middle(pictures: Tensor) -> Tensor:
    """Weight of each pixel by its distance from the middle, `(height, width)`."""
    y, x = (torch.linspace(-1, 1, length, device=pictures.device) for length in pictures.shape[-2:])
    return torch.exp(-(x**2 + y[:, None] ** 2) / (2 * SPREAD**2))
