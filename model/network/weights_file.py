"""Weights files: safetensors with metadata that says what the numbers are.

Reading the description needs no torch, so that the command line can show and check it at once. No pickle is ever read.

The metadata of the file (safetensors keeps strings only; `measured` and `recipe` are JSON):

    format         "oshiwake-weights"
    version        "1"
    architecture   "resnet18-linear"; "onnx" where the one tensor is a network of its own
    dimension      "500"
    preprocessing  "v1-pad-128"
    threshold      "0.412000"        cosine distance, accepted when <= threshold
    digest         sha256 over the tensors: the identity of the network, whatever threshold stands beside it
    measured       {"set": …, "eer": …}    how the threshold and the figures came about
    recipe         {"command": …, "seed": …}

Tensors whose names begin with `cohort.` belong to no network and are not in the digest (`model.matching.cohort`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from model.errors import WeightsError
from model.files import write_bytes
from model.images.decoding import READING
from model.images.preprocessing import Preprocessing
from model.network.architecture import ARCHITECTURE, ONNX, colours_in

if TYPE_CHECKING:
    from model.network.resnet18 import Network

__all__ = [
    "COHORT_PREFIX",
    "DEFAULT_WEIGHTS",
    "WeightsInfo",
    "load_network",
    "load_tensors",
    "metadata_of",
    "read_info",
    "save_network",
    "tensor_digest",
]

DEFAULT_WEIGHTS = Path(__file__).parents[1] / "weights" / "default.safetensors"
"""The weights that the package ships."""

COHORT_PREFIX = "cohort."

_KINDS = {"float16", "float32", "float64", "int64", "uint8"}

_FORMAT = "oshiwake-weights"
_VERSION = "1"


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says of itself.

    Attributes:
        digest: sha256 of the tensors, hexadecimal. Two files with the same digest make the same vectors.
        architecture: Name of the network.
        dimension: Length of an embedding.
        preprocessing: How pictures were prepared in training, and must be here.
        threshold: Cosine distance up to which two pictures are said to show one character.
        measured: How threshold and error rates were measured.
        recipe: The command, configuration and seed that made the weights.
    """

    digest: str
    architecture: str
    dimension: int
    preprocessing: Preprocessing
    threshold: float
    measured: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def embedding_key(self) -> str:
        """Names the space in which these embeddings live; only vectors of one space may be compared.

        It ends in how files are read: what an earlier program kept of a file may be of other pixels.
        """
        return f"{self.digest[:16]}-{self.preprocessing.version}-r{READING}"


def read_info(path: Path) -> WeightsInfo:
    """Read a weights file's description; the numbers stay on disk.

    Raises:
        WeightsError: The file is missing, not safetensors, not ours, or newer than this program.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except OSError as error:
        # safetensors names the path itself, and sets no `strerror`.
        reason = error.strerror or str(error).removesuffix(f": {path}")
        raise WeightsError(f"{path}: {reason}") from error
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file ({error}); see `reid weights import --help`") from error
    if metadata.get("format") != _FORMAT:
        raise WeightsError(f"{path}: safetensors, but not weights of this program; see `reid weights import --help`")
    if metadata.get("version") != _VERSION:
        raise WeightsError(f"{path}: weights version {metadata.get('version')}; this program reads {_VERSION}")
    try:
        return _parse(metadata)
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata is incomplete or damaged ({error})") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _parse(metadata: dict[str, str]) -> WeightsInfo:
    info = WeightsInfo(
        digest=metadata["digest"],
        architecture=metadata["architecture"],
        dimension=int(metadata["dimension"]),
        preprocessing=Preprocessing.from_version(metadata["preprocessing"]),
        threshold=float(metadata["threshold"]),
        measured=json.loads(metadata.get("measured", "{}")),
        recipe=json.loads(metadata.get("recipe", "{}")),
    )
    if info.architecture != ONNX and colours_in(info.architecture) is None:
        raise WeightsError(f"made for the architecture {info.architecture!r}, not {ARCHITECTURE!r}")
    if not re.fullmatch("[0-9a-f]{64}", info.digest):
        raise ValueError("its digest is no sha256 value")
    if info.dimension < 1 or not 0.0 <= info.threshold <= 2.0:
        raise ValueError(f"dimension {info.dimension}, threshold {info.threshold}")
    if not (isinstance(info.measured, dict) and isinstance(info.recipe, dict)):
        raise ValueError("measured and recipe must be JSON objects")
    return info


def load_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], WeightsInfo]:
    """Read the numbers of a weights file without torch; floats are widened to float32.

    Raises:
        WeightsError: As `read_info`; also when the tensors do not match the digest.
    """
    info = read_info(path)
    try:
        tensors = {name: array for name, array in load_file(path).items() if not name.startswith(COHORT_PREFIX)}
    except (TypeError, KeyError) as error:  # numbers of a kind that numpy does not know
        raise WeightsError(f"{path}: its tensors do not fit {info.architecture} ({error})") from error
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    if odd := {array.dtype.name for array in tensors.values()} - _KINDS:  # ml_dtypes, which onnx imports, knows more
        raise WeightsError(f"{path}: its tensors do not fit {info.architecture} (numbers of the kind {min(odd)})")
    if tensor_digest(tensors.items()) != info.digest:
        raise WeightsError(f"{path}: damaged, its tensors do not match the digest in its metadata")
    return {
        name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in tensors.items()
    }, info


def load_network(path: Path) -> tuple[Network, WeightsInfo]:
    """Build the network on the CPU, in evaluation mode and float32, from a weights file.

    Raises:
        WeightsError: As `load_tensors`; also when the tensors do not fit the architecture, or are an ONNX network.
    """
    import torch

    from model.network.resnet18 import Network

    tensors, info = load_tensors(path)
    if info.architecture == ONNX:
        raise WeightsError(f"{path}: holds an ONNX network, which can be run but not trained")
    try:
        network = Network.of(info.architecture, info.dimension)
        if network is None:
            raise WeightsError(f"{path}: more colours than its {info.dimension} dimensions")
        network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: its tensors do not fit {info.architecture} ({' '.join(str(error).split())[:200]})"
        ) from error
    return network.eval(), info


def save_network(
    path: Path,
    network: Network,
    *,
    preprocessing: Preprocessing,
    threshold: float,
    measured: dict[str, Any] | None = None,
    recipe: dict[str, Any] | None = None,
    half: bool = False,
) -> WeightsInfo:
    """Write a weights file atomically and return its description.

    Args:
        half: Store the numbers in half precision: half the size; they are widened again when loaded.
    """
    import torch
    from safetensors.torch import save

    narrow = torch.float16 if half else torch.float32
    tensors = {
        name: (tensor.to(narrow) if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    info = WeightsInfo(
        digest=tensor_digest((name, tensor.numpy()) for name, tensor in tensors.items()),
        architecture=network.architecture,
        dimension=network.dimension,
        preprocessing=preprocessing,
        threshold=threshold,
        measured=measured or {},
        recipe=recipe or {},
    )
    # Not safetensors' own writing, which hides the file from everybody else.
    write_bytes(path, save(tensors, metadata=metadata_of(info)))
    return info


def metadata_of(info: WeightsInfo) -> dict[str, str]:
    """What the header of a weights file holds."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "architecture": info.architecture,
        "dimension": str(info.dimension),
        "preprocessing": info.preprocessing.version,
        "threshold": f"{info.threshold:.6f}",
        "digest": info.digest,
        "measured": json.dumps(info.measured, ensure_ascii=False, sort_keys=True),
        "recipe": json.dumps(info.recipe, ensure_ascii=False, sort_keys=True),
    }


def tensor_digest(tensors: Iterable[tuple[str, np.ndarray[Any, Any]]]) -> str:
    """sha256 over name, type, shape and bytes of each tensor, in the order of the names."""
    total = hashlib.sha256()
    for name, array in sorted(tensors):
        total.update(f"{name}:{array.dtype}:{array.shape};".encode())
        total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return total.hexdigest()
