"""The network that finds heads, in torch: to train, and to run on a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.heads.architecture import CHANNELS, OUTPUTS, answer

__all__ = ["HeadNetwork", "folded", "input_ranges", "run_folded"]

_EPSILON = 1e-5
_AT_FIRST = -4.0
"""Logit of a centre before training: nearly nothing is one."""

_C2, _C4, _C8, _C16, _C32 = CHANNELS
_SHAPES = {
    "stem.0": (3, _C2),
    "stem.1": (_C2, _C4),
    "stem.2": (_C4, _C4),
    "down8.0": (_C4, _C8),
    "down8.1": (_C8, _C8),
    "down16.0": (_C8, _C16),
    "down16.1.first": (_C16, _C16),
    "down16.1.second": (_C16, _C16),
    "down32.0": (_C16, _C32),
    "down32.1.first": (_C32, _C32),
    "down32.1.second": (_C32, _C32),
    "up16": (_C8, _C8),
    "up8": (_C8, _C8),
    "last.0": (_C8, _C8),
}
"""Input and output channels of the convolutions of 3 x 3, which are batch-normalised in training."""

_FLAT = {"side32": (_C32, _C8), "side16": (_C16, _C8), "side8": (_C8, _C8), "last.1": (_C8, OUTPUTS)}
"""Those of the convolutions of 1 x 1, which are not."""


class _Plain:
    """What needs no numbers."""

    def relu(self, x: Tensor) -> Tensor:
        """See `Layers`."""
        return torch.relu(x)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """See `Layers`."""
        return x + y

    def doubled(self, x: Tensor) -> Tensor:
        """See `Layers`."""
        return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


class HeadNetwork(_Plain, nn.Module):
    """The network in training: each convolution of 3 x 3 with its batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for name, (inputs, outputs) in _SHAPES.items():
            self.convolutions[_key(name)] = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            self.norms[_key(name)] = nn.BatchNorm2d(outputs, eps=_EPSILON)
        for name, (inputs, outputs) in _FLAT.items():
            self.convolutions[_key(name)] = nn.Conv2d(inputs, outputs, 1)
        last = self.convolutions[_key("last.1")]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.constant_(last.bias[:1], _AT_FIRST)

    def forward(self, pictures: Tensor) -> Tensor:
        """See `answer`: `(n, 3, h, w)` float32, -0.5..0.5, to `(n, 5, h / 8, w / 8)`."""
        return answer(pictures, self)

    def convolution(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        """See `Layers`."""
        layer = self.convolutions[_key(name)]
        assert isinstance(layer, nn.Conv2d)
        x = nn.functional.conv2d(x, layer.weight, layer.bias, stride, layer.padding)
        return self.norms[_key(name)](x) if name in _SHAPES else x


class _Folded(_Plain):
    """The network as its weights file holds it."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors

    def convolution(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        """See `Layers`."""
        kernel = self._tensors[f"{name}.weight"]
        return nn.functional.conv2d(x, kernel, self._tensors[f"{name}.bias"], stride, kernel.shape[2] // 2)


def run_folded(tensors: Mapping[str, Tensor], pictures: Tensor) -> Tensor:
    """Run the network with the numbers of its weights file, see `HeadNetwork.forward`."""
    return answer(pictures, _Folded(tensors))


def input_ranges(tensors: Mapping[str, Tensor], pictures: Tensor) -> dict[str, NDArray[np.float32]]:
    """Between which numbers the inputs of the convolutions lie, for int8: `NAME.range`, `(2,)` float32 each.

    The upper end is what 95 % of the pictures stay below: rarer values would cost all others their precision. The first
    convolution has none. It costs little, and it is where int8 would lose most.

    Args:
        tensors: As `run_folded` takes them.
        pictures: `(n, 3, h, w)` float32, -0.5..0.5.
    """
    watched = _Watched(tensors)
    answer(pictures, watched)
    found = {}
    for name, (least, most) in watched.ends.items():
        high = float(most.quantile(0.95))
        # OpenVINO computes in bytes where zero is a step of its own: a symmetric range, or one that begins at zero.
        low = -high * 128 / 127 if float(least.min()) < 0 else 0.0
        found[f"{name}.range"] = np.array([low, high], np.float32)
    del found["stem.0.range"]
    return found


class _Watched(_Folded):
    """The network that notes between which numbers, in each picture, the inputs of its convolutions lie."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(tensors)
        self.ends: dict[str, tuple[Tensor, Tensor]] = {}

    def convolution(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        self.ends[name] = x.amin((1, 2, 3)), x.amax((1, 2, 3))
        return super().convolution(x, name, stride)


def folded(state: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """The numbers of a trained `HeadNetwork` with the batch normalisation folded into the convolutions.

    A convolution followed by y = gamma (x - mean) / sqrt(variance + epsilon) + beta is one convolution with a bias.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for name in _FLAT:
        for part in ("weight", "bias"):
            found[f"{name}.{part}"] = state[f"convolutions.{_key(name)}.{part}"].float().numpy()
    for name in _SHAPES:
        norm = {part: state[f"norms.{_key(name)}.{part}"].double().numpy() for part in _NORM}
        scale = norm["weight"] / np.sqrt(norm["running_var"] + _EPSILON)
        kernel = state[f"convolutions.{_key(name)}.weight"].double().numpy() * scale[:, None, None, None]
        found[f"{name}.weight"] = kernel.astype(np.float32)
        found[f"{name}.bias"] = (norm["bias"] - norm["running_mean"] * scale).astype(np.float32)
    # Of channels-last tensors; safetensors would write the bytes in the wrong order.
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


_NORM = ("weight", "bias", "running_mean", "running_var")


def _key(name: str) -> str:
    """A name without dots, which torch does not allow in a dictionary of modules."""
    return name.replace(".", "_")
