"""Weights made elsewhere: the seed implementation's checkpoint and torchvision's ResNet18.

Both are read by `torch.load(weights_only=True)`, which rebuilds tensors and plain containers and refuses everything
else: no code of the file is executed.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.errors import WeightsError
from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.network.weights_file import WeightsInfo, save_network

__all__ = ["import_checkpoint"]


def import_checkpoint(
    path: Path, output: Path, *, threshold: float = 0.5, size_px: int = 224, half: bool = False
) -> WeightsInfo:
    """Read a checkpoint of one of the known formats and write it as a weights file.

    The seed implementation's is a dict of `trunk` (torchvision's ResNet18 without `fc`), `embedder` (a Sequential whose
    only layer with numbers is the linear one) and `args`. Torchvision's is the state of a ResNet18; its features, of
    length 512, become the embedding as they are.

    Args:
        path: The checkpoint.
        output: The weights file.
        threshold: Stored with the weights; nothing was measured, and `measured` says so.
        size_px: Side of the square; pictures are stretched to it, as both did.
        half: Store half precision.

    Raises:
        WeightsError: The file is missing, damaged, holds more than numbers, or is neither format.
    """
    content = _load(path)
    if _is_seed(content):
        network, kind = _seed_network(path, content), "seed implementation"
    elif "conv1.weight" in content and "layer4.1.conv2.weight" in content:
        network, kind = _plain_network(path, content), "torchvision ResNet18"
    else:
        raise WeightsError(f"{path}: neither a checkpoint of the seed implementation nor torchvision's ResNet18")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return save_network(
        output,
        network.eval(),
        preprocessing=Preprocessing("stretch", size_px, major_version=1),  # every pixel counts, as in the original code
        threshold=threshold,
        measured={"note": "imported; the threshold was given, not measured"},
        recipe={"imported": kind, "file_digest": digest},
        half=half,
    )


def _load(path: Path) -> Mapping[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of old protocols: what can be read is checked below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # torch names many types for the many ways in which a file can be no checkpoint
        raise WeightsError(
            f"{path}: no checkpoint of numbers alone; nothing of it was executed ({_reason(error)})"
        ) from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: no checkpoint: it holds a {type(content).__name__}")
    return content


def _reason(error: Exception) -> str:
    """What torch stumbled over, without its advice to trust the file and try again."""
    text = " ".join(str(error).split())
    for before in ("WeightsUnpickler error: ", "from a trusted source. "):
        text = text.rpartition(before)[2]
    return text.partition(" Check the documentation")[0].partition(". ")[0][:160]


def _is_seed(content: Mapping[str, Any]) -> bool:
    return all(isinstance(content.get(part), Mapping) for part in ("trunk", "embedder"))


def _seed_network(path: Path, content: Mapping[str, Any]) -> Network:
    trunk, embedder = _tensors(content["trunk"]), _tensors(content["embedder"])
    weights = [value for name, value in embedder.items() if name.endswith("weight")]
    biases = [value for name, value in embedder.items() if name.endswith("bias")]
    if len(weights) != 1 or weights[0].ndim != 2 or len(biases) != 1:
        raise WeightsError(f"{path}: its embedder is not the one linear layer of the seed implementation")
    network = Network(dimension=len(weights[0]))
    return _filled(path, network, trunk, weights[0], biases[0])


def _plain_network(path: Path, content: Mapping[str, Any]) -> Network:
    network = Network(dimension=512)
    return _filled(path, network, _tensors(content), torch.eye(512), torch.zeros(512))


def _filled(path: Path, network: Network, trunk: Mapping[str, Tensor], weight: Tensor, bias: Tensor) -> Network:
    """Put the numbers in their places; `fc`, which classifies, is left out."""
    kept = {name: value for name, value in trunk.items() if not name.startswith("fc.")}
    try:
        network.trunk.load_state_dict(kept)
        network.head.load_state_dict({"weight": weight, "bias": bias})
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: its tensors do not fit a ResNet18 ({' '.join(str(error).split())[:200]})"
        ) from error
    return network


def _tensors(part: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state, without the `module.` that parallel training puts before names."""
    return {name.removeprefix("module."): value for name, value in part.items() if isinstance(value, Tensor)}
