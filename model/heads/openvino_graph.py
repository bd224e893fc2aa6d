"""The network that finds heads as an OpenVINO graph, built from the tensors of its weights file, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.heads.architecture import answer
from model.network.openvino_runtime import op, ov

__all__ = ["build_detector"]


def build_detector(tensors: Mapping[str, NDArray[Any]]) -> ov.Model:
    """`(n, h, w, 3)` uint8, sides multiples of 32, to `(n, 5, h / 8, w / 8)` float32, see `architecture.answer`.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: The tensors do not fit together.
    """
    pictures = op.parameter([-1, -1, -1, 3], np.uint8, name="pictures")
    pixels = op.transpose(op.convert(pictures, "f32"), op.constant(np.array([0, 3, 1, 2])))
    x = op.subtract(op.multiply(pixels, op.constant(np.float32(1 / 255))), op.constant(np.float32(0.5)))
    return ov.Model([answer(x, _Nodes(tensors))], [pictures], "heads")


class _Nodes:
    """See `model.heads.architecture.Layers`."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors

    def convolution(self, x: Any, name: str, stride: int = 1) -> Any:
        kernel = self._tensors[f"{name}.weight"]
        edge = [kernel.shape[2] // 2] * 2
        bias = op.constant(self._tensors[f"{name}.bias"].reshape(1, -1, 1, 1))
        return op.add(op.convolution(x, op.constant(kernel), [stride] * 2, edge, edge, [1, 1]), bias)

    def relu(self, x: Any) -> Any:
        return op.relu(x)

    def add(self, x: Any, y: Any) -> Any:
        return op.add(x, y)

    def doubled(self, x: Any) -> Any:
        scales, axes = op.constant(np.array([2, 2], np.float32)), op.constant(np.array([2, 3]))
        return op.interpolate(x, scales, "nearest", "scales", axes=axes)
