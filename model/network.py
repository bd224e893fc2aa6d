"""The network: a ResNet18 trunk, a linear layer, unit length."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

__all__ = ["ARCHITECTURE", "Network"]

ARCHITECTURE = "resnet18-linear"
"""Name of this architecture in a weights file; the dimension stands beside it."""

_MEAN = (
    0.485,
    0.456,
    0.406,
)  # of ImageNet, in RGB: what torchvision's weights and the seed implementation expect
_STD = (0.229, 0.224, 0.225)


class Network(nn.Module):
    """Pictures in, points on the unit sphere out.

    The colour normalisation is part of the network, so that no caller can forget it.
    """

    def __init__(self, dimension: int = 500) -> None:
        super().__init__()
        self.dimension = dimension
        self.trunk = resnet18(weights=None)
        features = self.trunk.fc.in_features
        self.trunk.fc = nn.Identity()
        self.head = nn.Linear(features, dimension)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures.

        Args:
            pictures: `(n, 3, height, width)` float, RGB in 0..1.

        Returns:
            `(n, dimension)` float, each row of unit length.
        """
        normal = (pictures - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        return functional.normalize(self.head(self.trunk(normal)), dim=1)
