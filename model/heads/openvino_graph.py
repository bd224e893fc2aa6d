"""The network that finds heads as an OpenVINO graph, built from the tensors of its weights file, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.heads.architecture import answer
from model.network.int8_products import KERNEL_STEPS
from model.network.openvino_runtime import op, ov

__all__ = ["build_detector"]


_ACTIVATION_STEPS = 255


def build_detector(tensors: Mapping[str, NDArray[Any]], kernel_bits: int | None = None) -> ov.Model:
    """`(n, h, w, 3)` uint8, sides multiples of 32, to `(n, 5, h / 8, w / 8)` float32, see `architecture.answer`.

    Args:
        tensors: Of the weights file.
        kernel_bits: 7 or 8: convolutions whose inputs have a range are computed in int8, with kernels of so many bits.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: The tensors do not fit together.
    """
    pictures = op.parameter([-1, -1, -1, 3], np.uint8, name="pictures")
    pixels = op.transpose(op.convert(pictures, "f32"), op.constant(np.array([0, 3, 1, 2])))
    x = op.subtract(op.multiply(pixels, op.constant(np.float32(1 / 255))), op.constant(np.float32(0.5)))
    return ov.Model([answer(x, _Nodes(tensors, kernel_bits))], [pictures], "heads")


class _Nodes:
    """See `model.heads.architecture.Layers`."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], kernel_bits: int | None) -> None:
        self._tensors = tensors
        self._bits = kernel_bits

    def convolution(self, x: Any, name: str, stride: int = 1) -> Any:
        kernel = self._tensors[f"{name}.weight"]
        edge = [kernel.shape[2] // 2] * 2
        bias = op.constant(self._tensors[f"{name}.bias"].reshape(1, -1, 1, 1))
        numbers = op.constant(kernel)
        ends = self._tensors.get(f"{name}.range")
        if self._bits and ends is not None:
            x = _bytes(x, ends[0], ends[1])
            # The largest number of each output channel gets the largest integer of that many bits.
            most = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) * (KERNEL_STEPS[8] / KERNEL_STEPS[self._bits])
            numbers = _bytes(numbers, -most, most, 2 * KERNEL_STEPS[8])
        return op.add(op.convolution(x, numbers, [stride] * 2, edge, edge, [1, 1]), bias)

    def relu(self, x: Any) -> Any:
        return op.relu(x)

    def add(self, x: Any, y: Any) -> Any:
        return op.add(x, y)

    def doubled(self, x: Any) -> Any:
        scales, axes = op.constant(np.array([2, 2], np.float32)), op.constant(np.array([2, 3]))
        return op.interpolate(x, scales, "nearest", "scales", axes=axes)


def _bytes(values: Any, low: Any, high: Any, steps: int = _ACTIVATION_STEPS) -> Any:
    """Values rounded to equal steps between two ends, which OpenVINO then computes in bytes."""
    ends = op.constant(np.asarray(low, np.float32)), op.constant(np.asarray(high, np.float32))
    return op.fake_quantize(values, *ends, *ends, steps + 1)
