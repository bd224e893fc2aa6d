"""The learned part of the network as an OpenVINO graph, built from a weights file's numbers, without torch.

Convolutions and the batch normalisations behind them are one step here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op

from model.look import MEAN, STD

__all__ = ["PLACES", "Ranges", "build_learned"]

Tensors = Mapping[str, NDArray[Any]]
Ranges = Mapping[str, tuple[float, float]]
"""The least and greatest value that is seen at each of `PLACES`."""

PLACES = (
    *("input", "stem", "layer1.0.inner", "layer1.0.outer", "layer1.1.inner", "layer1.1.outer"),
    *(
        f"layer{layer}.{place}"
        for layer in (2, 3, 4)
        for place in ("0.inner", "0.beside", "0.outer", "1.inner", "1.outer")
    ),
)
"""Where an int8 graph rounds, in the order of the graph."""

_BATCH_NORM_EPSILON = 1e-5
_LENGTH_EPSILON = 1e-24  # on the square of the length: torch's normalize takes 1e-12 on the length


def build_learned(tensors: Tensors, side: int, *, ranges: Ranges | None = None, watch: bool = False) -> ov.Model:
    """Trunk, head and unit length: `(n, side, side, 3)` uint8 to `(n, dimension without colours)` float32.

    Args:
        tensors: Of the weights file; floats are float32.
        side: Of the square, in pixels.
        ranges: Round to 8 bits within these.
        watch: Add two outputs, the least and the greatest value at each of `PLACES`.

    Raises:
        KeyError: A tensor is missing.
        RuntimeError: The tensors do not fit together.
    """
    return _Learned(tensors, ranges, watch).build(side)


class _Learned:
    """Builds the graph, node by node, in the order of torchvision's ResNet18."""

    def __init__(self, tensors: Tensors, ranges: Ranges | None, watch: bool) -> None:
        self._tensors = tensors
        self._ranges = ranges
        self._watch = watch
        self._watched: dict[str, Any] = {}

    def build(self, side: int) -> ov.Model:
        pictures = op.parameter([-1, side, side, 3], np.uint8, name="pictures")
        scaled = op.subtract(_channels_first(pictures), _row(255 * np.array(MEAN)))
        x = self._rounded(op.multiply(scaled, _row(1 / (255 * np.array(STD)))), "input")
        x = op.relu(self._convolution(x, "conv1", "bn1", stride=2, pad=3))
        # Rounding first changes nothing, as it keeps the order of values; then the largest is found among bytes.
        x = self._rounded(x, "stem")
        x = op.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3], "floor").output(0)
        for name in (f"layer{layer}.{block}" for layer in range(1, 5) for block in range(2)):
            x = self._block(x, name)
        features = op.reduce_mean(x, op.constant(np.array([2, 3])), False)
        learned = _unit(_linear(features, self._tensors, "head"))
        return ov.Model([learned, *self._extremes()], [pictures], "learned")

    def _block(self, x: Any, name: str) -> Any:
        shrinks = f"trunk.{name}.downsample.0.weight" in self._tensors
        y = op.relu(self._convolution(x, f"{name}.conv1", f"{name}.bn1", stride=2 if shrinks else 1, pad=1))
        y = self._convolution(self._rounded(y, f"{name}.inner"), f"{name}.conv2", f"{name}.bn2", stride=1, pad=1)
        if shrinks:
            x = self._convolution(x, f"{name}.downsample.0", f"{name}.downsample.1", stride=2, pad=0)
            x = self._rounded(x, f"{name}.beside")
        return self._rounded(op.relu(op.add(y, x)), f"{name}.outer")

    def _convolution(self, x: Any, name: str, norm: str, *, stride: int, pad: int) -> Any:
        kernel, bias = self._folded(name, norm)
        weights = op.constant(kernel)
        if self._ranges:
            most = np.maximum(np.abs(kernel).max(axis=(1, 2, 3), keepdims=True), 1e-12)
            low, high = op.constant(-most), op.constant(most)
            weights = op.fake_quantize(weights, low, high, low, high, 255)
        y = op.convolution(x, weights, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1])
        return op.add(y, _row(bias))

    def _folded(self, name: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernel and bias of a convolution with its batch normalisation."""
        part = {key: self._tensors[f"trunk.{norm}.{key}"].astype(np.float64) for key in _NORM}
        scale = part["weight"] / np.sqrt(part["running_var"] + _BATCH_NORM_EPSILON)
        kernel = self._tensors[f"trunk.{name}.weight"] * scale[:, None, None, None]
        return kernel.astype(np.float32), (part["bias"] - part["running_mean"] * scale).astype(np.float32)

    def _rounded(self, x: Any, name: str) -> Any:
        """A place where an int8 graph rounds: 256 steps, from 0 where nothing is below, else the same on both sides."""
        if self._watch:
            self._watched[name] = x
        if not self._ranges:
            return x
        low, high = self._ranges[name]
        if low < 0:
            high = max(-low, high)
            low = -high * 128 / 127
        bounds = op.constant(np.float32(low)), op.constant(np.float32(max(high, 1e-6)))
        return op.fake_quantize(x, *bounds, *bounds, 256)

    def _extremes(self) -> list[Any]:
        if not self._watch:
            return []
        every = op.constant(np.arange(4))
        return [
            op.concat([op.unsqueeze(reduce(x, every, False), op.constant(0)) for x in self._watched.values()], 0)
            for reduce in (op.reduce_min, op.reduce_max)
        ]


_NORM = ("weight", "bias", "running_mean", "running_var")


def _channels_first(pictures: Any) -> Any:
    return op.transpose(op.convert(pictures, "f32"), op.constant(np.array([0, 3, 1, 2])))


def _row(values: NDArray[Any]) -> Any:
    return op.constant(values.astype(np.float32).reshape(1, -1, 1, 1))


def _linear(x: Any, tensors: Tensors, name: str) -> Any:
    weight, bias = op.constant(tensors[f"{name}.weight"]), op.constant(tensors[f"{name}.bias"])
    return op.add(op.matmul(x, weight, False, True), bias)


def _unit(x: Any) -> Any:
    return op.normalize_l2(x, op.constant(np.array([1])), _LENGTH_EPSILON, "max")
