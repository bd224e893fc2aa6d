"""The names of the networks that this program can build. No torch is needed, so a wrong file is refused at once."""

from __future__ import annotations

import re

__all__ = ["ARCHITECTURE", "ONNX", "colours_in"]

ARCHITECTURE = "resnet18-linear"
"""Name of the architecture in a weights file; the dimension stands beside it.

With colour features, their number follows, e.g. `resnet18-linear-colours128`.
"""

ONNX = "onnx"
"""Name of the architecture of weights that hold a network of their own (`model.onnx`), and of the tensor of bytes that
is the network."""

_NAME = re.compile(re.escape(ARCHITECTURE) + r"(?:-colours([1-9][0-9]{0,3}))?")


def colours_in(architecture: str) -> int | None:
    """Number of colour features in the embedding, 0 for none; None for an unknown architecture."""
    match = _NAME.fullmatch(architecture)
    return int(match[1] or 0) if match else None
