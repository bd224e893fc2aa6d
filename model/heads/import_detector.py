"""From a detector of the YOLO kind in an ONNX file to a weights file. Runs in `model.onnx.import_process`."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from model.errors import WeightsError
from model.files import write_bytes
from model.heads.detector import HeadDetector
from model.heads.onnx_finder import LIMITS
from model.heads.weights_file import FORMAT, VERSION
from model.network.architecture import ONNX
from model.network.weights_file import tensor_digest
from model.onnx.declaration import InputForm
from model.onnx.onnx_file import read_onnx
from model.onnx.picture_input import with_picture_input
from model.synthesis.crowd import draw_crowd

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["import_detector"]

_USUAL_PX = 640
_CROWDS = 8


def import_detector(
    path: Path, output: Path, *, score: float, overlap: float, licence: str = "", source: str = ""
) -> dict[str, Any]:
    """Check a detector, run it on drawn crowds, and write it as a weights file.

    Args:
        path: The ONNX file: a picture as RGB in 0..1, channels first, to boxes (`model.heads.onnx_finder.boxes_of`).
        output: The weights file.
        score: What scores less is no head, 0..1.
        overlap: Two boxes with more are of one head, 0..1.
        licence: Of the network.
        source: Where it comes from.

    Returns:
        Digest, side of the square, and how many heads it found in how many drawn ones.

    Raises:
        WeightsError: The network is not allowed, or is no such detector.
        EngineMissing: A library is missing.
    """
    model = read_onnx(path)
    try:
        content, side = with_picture_input(model, InputForm(size=_size(model)), flat=False)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    tensors: dict[str, NDArray[Any]] = {
        ONNX: np.frombuffer(content, np.uint8),
        LIMITS: np.array([score, overlap], np.float32),
    }
    digest = tensor_digest(tensors.items())
    recipe = {
        "imported": "ONNX",
        "file_digest": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": licence,
        "source": source,
    }
    metadata = {"format": FORMAT, "version": VERSION, "digest": digest, "recipe": json.dumps(recipe)}
    whole = save(tensors, metadata=metadata)
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / "heads.weights"
        tried.write_bytes(whole)
        try:
            found = _heads_found(HeadDetector.load(tried))
        except WeightsError as error:
            raise WeightsError(f"{path}: {str(error).removeprefix(f'{tried}: ')}") from error
    write_bytes(output, whole)
    return {"digest": digest, "side": side, **found}


def _size(model: ModelProto) -> int | None:
    """The size that the network was made with; None where it takes that alone."""
    dims = [one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim] if model.graph.input else []
    if len(dims) == 4 and all(dims[2:]):
        return None
    told = {one.key: one.value for one in model.metadata_props}.get("imgsz", "")
    try:
        sizes = json.loads(told or str(_USUAL_PX))
        sizes = sizes if isinstance(sizes, list) else [sizes]
        return max(int(size) for size in sizes)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"its imgsz is no size ({told[:50]!r})") from error


def _heads_found(detector: HeadDetector) -> dict[str, int]:
    crowds = [draw_crowd(seed, (224, 224)) for seed in range(_CROWDS)]
    boxes = detector.detect([np.asarray(crowd.picture) for crowd in crowds])
    return {"found": sum(len(one) for one in boxes), "drawn": sum(len(crowd.heads) for crowd in crowds)}
