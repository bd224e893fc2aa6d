"""The shape of the network that finds heads, shared by its torch form and its OpenVINO form."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["CHANNELS", "OUTPUTS", "SIDE_PX", "STEP_PX", "STRIDE", "Layers", "answer"]

T = TypeVar("T")

CHANNELS = (16, 24, 48, 96, 160)
"""Channels at a half, a quarter, an 8th, a 16th and a 32nd of the picture."""

OUTPUTS = 5
"""Of each cell: logit of a head's centre; its offset from the middle of the cell in x and y, in cells; natural
logarithms of width and height in cells."""

STRIDE = 8
"""Pixels per cell."""

STEP_PX = 32
"""Sides of what the network takes are multiples of this."""

SIDE_PX = 224
"""Side of the squares that the network is trained on."""


class Layers(Protocol[T]):
    """The operations that the network is made of."""

    def convolution(self, x: T, name: str, stride: int = 1) -> T:
        """A convolution that keeps the size at stride 1 and halves it at stride 2."""
        ...

    def relu(self, x: T) -> T:
        """The positive part."""
        ...

    def add(self, x: T, y: T) -> T:
        """The sum."""
        ...

    def doubled(self, x: T) -> T:
        """Twice the width and height; each value four times."""
        ...


def answer(x: T, layers: Layers[T]) -> T:
    """Convolutions down to a 32nd of the picture and up again to an 8th, with sums on the way (a feature pyramid).

    Args:
        x: `(n, 3, h, w)`, -0.5..0.5, sides multiples of 32.
        layers: The operations.

    Returns:
        `(n, OUTPUTS, h / 8, w / 8)`.
    """

    def block(x: T, name: str, stride: int = 1) -> T:
        return layers.relu(layers.convolution(x, name, stride))

    def residual(x: T, name: str) -> T:
        inner = layers.convolution(block(x, f"{name}.first"), f"{name}.second")
        return layers.relu(layers.add(x, inner))

    x = block(block(block(x, "stem.0", 2), "stem.1", 2), "stem.2")
    at8 = block(block(x, "down8.0", 2), "down8.1")
    at16 = residual(block(at8, "down16.0", 2), "down16.1")
    at32 = residual(block(at16, "down32.0", 2), "down32.1")
    up = layers.doubled(layers.convolution(at32, "side32"))
    up = block(layers.add(up, layers.convolution(at16, "side16")), "up16")
    up = block(layers.add(layers.doubled(up), layers.convolution(at8, "side8")), "up8")
    return layers.convolution(block(up, "last.0"), "last.1")
