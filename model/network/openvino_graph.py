"""The backbone of the network as an OpenVINO graph, built from the tensors of a weights file, without torch.

Batch normalisation is folded into the convolutions. An int8 graph quantises the input of every convolution to 8 bits,
and its kernel to 8 or 7 (`model/network/int8_products.py`). The residual sums are not quantised, so that errors do not
add up from block to block. The mean error that a quantised kernel adds to a channel is subtracted from its bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.images.constants import MEAN, STD
from model.network.int8_products import KERNEL_STEPS
from model.network.openvino_runtime import op, ov

__all__ = ["ACTIVATIONS", "ActivationRange", "Tensors", "build_backbone"]

Tensors = Mapping[str, NDArray[Any]]

ACTIVATIONS = {"input": 3, "stem": 64, "layer1.0.inner": 64, "layer1.1.entry": 64, "layer1.1.inner": 64} | {
    f"layer{layer}.{block}.{at}": (16 if block == 0 and at == "entry" else 32) << layer
    for layer in (2, 3, 4)
    for block in (0, 1)
    for at in ("entry", "inner")
}
"""The quantised inputs of convolutions in the order of the graph, with their numbers of channels."""


@dataclass(frozen=True)
class ActivationRange:
    """The values of a float32 network at one of `ACTIVATIONS`.

    Attributes:
        maximum: The largest value; the smallest possible one is 0.
        means: Mean of each channel, `(channels,)` float32.
    """

    maximum: float
    means: NDArray[np.float32]


_BATCH_NORM_EPSILON = 1e-5
_LENGTH_EPSILON = 1e-24  # on the square of the length: torch's normalize takes 1e-12 on the length


def build_backbone(
    tensors: Tensors,
    side: int,
    *,
    ranges: Mapping[str, ActivationRange] | None = None,
    bits: int = 8,
    calibrate: bool = False,
) -> ov.Model:
    """The backbone and its linear layer: `(n, side, side, 3)` uint8 to `(n, length)` float32 of unit length.

    Args:
        tensors: Of the weights file; floats are float32.
        side: Of the input tensor, in pixels.
        ranges: Of each of `ACTIVATIONS`; with them the graph is quantised to int8.
        bits: Of a quantised kernel, 7 or 8.
        calibrate: Add two outputs for each of `ACTIVATIONS`: the largest value, and the mean of each channel.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: The tensors do not fit together.
    """
    return _Backbone(tensors, ranges, bits, calibrate).build(side)


class _Backbone:
    """Builds the graph, node by node, in the order of torchvision's ResNet18."""

    def __init__(
        self, tensors: Tensors, ranges: Mapping[str, ActivationRange] | None, bits: int, calibrate: bool
    ) -> None:
        self._tensors = tensors
        self._ranges = ranges
        self._steps = KERNEL_STEPS[bits]
        self._calibrate = calibrate
        self._statistics: list[Any] = []

    def build(self, side: int) -> ov.Model:
        pictures = op.parameter([-1, side, side, 3], np.uint8, name="pictures")
        x = op.relu(self._first(_channels_first(pictures)))
        # Quantisation keeps the order of values, so it may come before the pooling, which then works on bytes.
        x = self._quantized(x, "stem")
        x = self._calibrated(op.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3], "floor").output(0))
        for name in (f"layer{layer}.{block}" for layer in range(1, 5) for block in range(2)):
            x = self._block(x, name)
        features = op.reduce_mean(x, op.constant(np.array([2, 3])), False)
        embedding = _unit(_linear(features, self._tensors, "head"))
        return ov.Model([embedding, *self._statistics], [pictures], "backbone")

    def _first(self, pixels: Any) -> Any:
        """The first convolution. In an int8 graph it reads the pixels, which are bytes already."""
        mean, std = 255 * np.array(MEAN), 255 * np.array(STD)
        centred = op.subtract(self._calibrated(pixels), _row(mean))
        kernel, bias = self._folded("conv1", "bn1")
        if not self._ranges:
            return _convolution(op.multiply(centred, _row(1 / std)), op.constant(kernel), bias, stride=2, pad=3)
        edges = op.constant(np.array([0, 0, 3, 3]))
        padded = op.add(op.pad(centred, edges, edges, "constant", op.constant(np.float32(0))), _row(mean))
        kernel = (kernel / std[:, None, None]).astype(np.float32)
        bias = bias - kernel.sum(axis=(2, 3)) @ mean
        kernel, bias = self._quantized_kernel(kernel, bias, "input")
        return _convolution(_bytes_up_to(padded, 255), kernel, bias, stride=2, pad=0)

    def _block(self, x: Any, name: str) -> Any:
        shrinks = f"trunk.{name}.downsample.0.weight" in self._tensors
        stride = 2 if shrinks else 1
        activation = "stem" if name == "layer1.0" else f"{name}.entry"
        entry = x if activation == "stem" else self._quantized(self._calibrated(x), activation)
        y = op.relu(self._folded_convolution(entry, activation, f"{name}.conv1", f"{name}.bn1", stride=stride, pad=1))
        inner = self._quantized(self._calibrated(y), f"{name}.inner")
        y = self._folded_convolution(inner, f"{name}.inner", f"{name}.conv2", f"{name}.bn2", stride=1, pad=1)
        if shrinks:
            names = f"{name}.downsample.0", f"{name}.downsample.1"
            x = self._folded_convolution(entry, activation, *names, stride=2, pad=0)
        return op.relu(op.add(y, x))

    def _folded_convolution(self, x: Any, activation: str, name: str, norm: str, *, stride: int, pad: int) -> Any:
        kernel, bias = self._folded(name, norm)
        weights, bias = self._quantized_kernel(kernel, bias, activation)
        return _convolution(x, weights, bias, stride=stride, pad=pad)

    def _folded(self, name: str, norm: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Kernel and bias of a convolution with the batch normalisation folded in."""
        part = {key: self._tensors[f"trunk.{norm}.{key}"].astype(np.float64) for key in _NORM}
        scale = part["weight"] / np.sqrt(part["running_var"] + _BATCH_NORM_EPSILON)
        kernel = self._tensors[f"trunk.{name}.weight"] * scale[:, None, None, None]
        return kernel.astype(np.float32), part["bias"] - part["running_mean"] * scale

    def _quantized_kernel(self, kernel: NDArray[Any], bias: NDArray[Any], activation: str) -> tuple[Any, NDArray[Any]]:
        """The quantised kernel of a convolution, and its bias minus the mean quantisation error."""
        if not self._ranges:
            return op.constant(kernel), bias
        largest = np.maximum(np.abs(kernel).max(axis=(1, 2, 3), keepdims=True), 1e-12)
        step = largest / self._steps
        added = (np.round(kernel / step) * step - kernel).sum(axis=(2, 3)) @ self._ranges[activation].means
        # OpenVINO turns only 255 levels into bytes; with 7 bits the outer levels stay unused.
        end = (largest * (127 / self._steps)).astype(np.float32)
        low, high = op.constant(-end), op.constant(end)
        return op.fake_quantize(op.constant(kernel), low, high, low, high, 255), bias - added

    def _quantized(self, x: Any, activation: str) -> Any:
        return _bytes_up_to(x, max(self._ranges[activation].maximum, 1e-6)) if self._ranges else x

    def _calibrated(self, x: Any) -> Any:
        """Add the outputs of `calibrate`. The calls must follow the order of `ACTIVATIONS`."""
        if self._calibrate:
            self._statistics += [
                op.reduce_max(x, op.constant(np.arange(4)), False),
                op.reduce_mean(x, op.constant(np.array([0, 2, 3])), False),
            ]
        return x


_NORM = ("weight", "bias", "running_mean", "running_var")


def _channels_first(pictures: Any) -> Any:
    return op.transpose(op.convert(pictures, "f32"), op.constant(np.array([0, 3, 1, 2])))


def _convolution(x: Any, kernel: Any, bias: NDArray[Any], *, stride: int, pad: int) -> Any:
    return op.add(op.convolution(x, kernel, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1]), _row(bias))


def _bytes_up_to(x: Any, maximum: float) -> Any:
    """Quantise to 256 levels from 0 to `maximum`."""
    low, high = op.constant(np.float32(0)), op.constant(np.float32(maximum))
    return op.fake_quantize(x, low, high, low, high, 256)


def _row(values: NDArray[Any]) -> Any:
    return op.constant(values.astype(np.float32).reshape(1, -1, 1, 1))


def _linear(x: Any, tensors: Tensors, name: str) -> Any:
    weight, bias = op.constant(tensors[f"{name}.weight"]), op.constant(tensors[f"{name}.bias"])
    return op.add(op.matmul(x, weight, False, True), bias)


def _unit(x: Any) -> Any:
    return op.normalize_l2(x, op.constant(np.array([1])), _LENGTH_EPSILON, "max")
