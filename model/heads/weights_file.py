"""The weights file of a detector: safetensors, convolutions with their batch normalisation folded in.

Or the bytes of an ONNX network of somebody else, with the least score and the overlap that it is used with; then the
metadata names its origin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from model.errors import WeightsError
from model.network.architecture import ONNX
from model.network.weights_file import WeightsInfo, tensor_digest

__all__ = ["DEFAULT_DETECTOR", "FORMAT", "VERSION", "Tensors", "embedding_key", "load_detector", "read_digest"]

DEFAULT_DETECTOR = Path(__file__).parents[1] / "weights" / "heads.safetensors"
FORMAT, VERSION = "oshiwake-heads", "1"
_MOST_BYTES = 512 << 20

Tensors = Mapping[str, NDArray[Any]]


def read_digest(path: Path) -> str:
    """The digest that a detector's file claims; the numbers stay on disk.

    Raises:
        WeightsError: The file is missing, not safetensors, not of a detector, or newer than this program.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WeightsError(f"{path}: too large for weights of a head detector")
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file ({error})") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path}: safetensors, but not weights of a head detector")
    if metadata.get("version") != VERSION:
        raise WeightsError(f"{path}: detector version {metadata.get('version')}; this program reads {VERSION}")
    digest = metadata.get("digest", "")
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise WeightsError(f"{path}: its digest is no sha256 value")
    return digest


def embedding_key(info: WeightsInfo, detector: str) -> str:
    """Names the space of the embeddings of whole pictures and heads; see `WeightsInfo.embedding_key`.

    Args:
        info: Of the network.
        detector: Digest of the detector; empty where only whole pictures are embedded.
    """
    return f"{info.embedding_key}-heads-{detector[:16]}" if detector else info.embedding_key


def load_detector(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """The numbers of a detector, widened to float32 (an ONNX network stays bytes), and their digest.

    Raises:
        WeightsError: As `read_digest`; also when the numbers do not match the digest.
    """
    digest = read_digest(path)
    try:
        tensors = load_file(path)
    except (OSError, TypeError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: its tensors cannot be read ({error})") from error
    if tensor_digest(tensors.items()) != digest:
        raise WeightsError(f"{path}: damaged, its tensors do not match the digest in its metadata")
    return {name: array if name == ONNX else array.astype(np.float32) for name, array in tensors.items()}, digest
