"""The network: a ResNet18 trunk, a linear layer and unit length, with or without colour histogram features."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from model.images.constants import MEAN, STD
from model.network.architecture import ARCHITECTURE, colours_in
from model.network.colour_histogram import ColourHistogram

__all__ = ["Network"]


class Network(nn.Module):
    """Turns pictures into embeddings of unit length.

    The normalisation of pixel values is part of the network, so that no caller can forget it.

    Attributes:
        dimension: Length of an embedding.
        colours: Makes the colour histogram features, the last numbers of an embedding; None without them.
    """

    def __init__(self, dimension: int = 500, colours: int = 0) -> None:
        super().__init__()
        self.dimension = dimension
        self.colours = ColourHistogram(colours) if colours else None
        self.trunk = resnet18(weights=None)
        features = self.trunk.fc.in_features
        self.trunk.fc = nn.Identity()
        self.head = nn.Linear(features, dimension - colours)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures.

        Args:
            pictures: `(n, 3, height, width)` float, RGB in 0..1.

        Returns:
            `(n, dimension)` float, each row of unit length.
        """
        learned = self.project(self.features(pictures))
        return learned if self.colours is None else self.colours.join(learned, pictures)

    @property
    def architecture(self) -> str:
        """Name of this architecture in a weights file."""
        return ARCHITECTURE if self.colours is None else f"{ARCHITECTURE}-colours{self.colours.axes.out_features}"

    @classmethod
    def of(cls, architecture: str, dimension: int) -> Network | None:
        """A network by the name of its architecture, with random weights; None for an unknown name."""
        colours = colours_in(architecture)
        return None if colours is None or colours >= dimension else cls(dimension, colours)

    def features(self, pictures: Tensor) -> Tensor:
        """The features of the trunk, `(n, 512)` float, each number >= 0."""
        normal = (pictures - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        return cast(Tensor, self.trunk(normal))

    def project(self, features: Tensor) -> Tensor:
        """From features to the backbone embedding of unit length: `(n, 512)` to `(n, dimension without colours)`."""
        return functional.normalize(self.head(features), dim=1)
