"""The part of an embedding that says how much of which colour a picture shows, and that no texture can deceive.

Drawn characters teach a network shapes that real drawings show only in part; hair and clothes have the same colours in
both. A histogram with soft bins, weighted to the middle of the picture, keeps that knowledge apart from what was
learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.images.constants import BINS, LEVELS, SAMPLES, SPREAD, WHITE, WHITE_WEIGHT

__all__ = ["BINS", "ColourHistogram"]


class ColourHistogram(nn.Module):
    """A histogram of the colours, moved and turned by a linear layer, as a point on the unit sphere.

    Attributes:
        axes: The linear layer, `BINS` to `dimension`; fitted in closed form, not by gradients.
        share: Share of the squared length of the whole embedding that colours get, 0..1.
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
        """Put colours beside the learned part, `(n, d)` of unit length; the whole has unit length too."""
        share = self.share.to(learned.dtype)
        colours = self(pictures).to(learned.dtype)
        return torch.cat([learned * (1 - share).sqrt(), colours * share.sqrt()], dim=1)


def histograms(pictures: Tensor) -> Tensor:
    """Square roots of the share of each colour, `(n, BINS)` float; the squares of a row add up to 1.

    A pixel counts in the eight bins around its colour, by nearness (trilinear), so that a small change of colour makes
    a small change here.
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
