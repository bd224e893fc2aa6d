"""The engine of weights that hold an ONNX network."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.cache_folder import cache_folder
from model.errors import EngineMissing, WeightsError
from model.files import write_text
from model.images.preprocessing import Preprocessing
from model.network.architecture import ONNX
from model.network.engine import Engine, Precision
from model.network.weights_file import WeightsInfo
from model.onnx.onnx_file import parse_onnx
from model.onnx.picture_input import side_of
from model.onnx.runtime import Hint, Runtime, load_runtime, names_bf16

__all__ = ["OnnxEngine", "unit"]

_BATCH = 4
"""Pictures per thread on a processor: such networks are large, and gain nothing by more."""

_BATCH_GPU = 32

_LEAST_COSINE = 0.999
"""`auto` takes bf16 where it keeps this cosine to float32, the same as is asked of int8."""

_CHARACTERS = 4

_log = logging.getLogger(__name__)


class OnnxEngine(Engine):
    """See `model.network.engine.Engine`."""

    def __init__(
        self,
        tensors: Mapping[str, NDArray[Any]],
        info: WeightsInfo,
        *,
        device: str = "cpu",
        precision: Precision = "auto",
        threads: int = 0,
    ) -> None:
        """Check the network and load it.

        Raises:
            WeightsError: The network cannot be used, or gives vectors of another length than is said of it.
            EngineMissing: There is no library for this device or this precision.
        """
        if precision == "int8":
            raise EngineMissing("int8 is only for networks of this program: choose auto, bf16 or fp32")
        if set(tensors) != {ONNX} or tensors[ONNX].dtype != np.uint8 or tensors[ONNX].ndim != 1:
            raise WeightsError("it holds no ONNX network")
        content = tensors[ONNX].tobytes()
        side = side_of(parse_onnx(content))
        if side != info.preprocessing.size_px:
            raise WeightsError(f"its network takes squares of {side} pixels, not {info.preprocessing.size_px}")
        self._run = _loaded(content, info, device, precision, threads)
        try:
            shape = self._run(np.zeros((1, side, side, 3), np.uint8)).shape
        except RuntimeError as error:
            raise WeightsError(f"its network fails on pictures ({' '.join(str(error).split())[:200]})") from error
        if shape != (1, info.dimension):
            raise WeightsError(f"its network gives {' x '.join(map(str, shape))} numbers, not 1 x {info.dimension}")
        self.batch = _BATCH_GPU if device == "cuda" else _BATCH * max(1, threads)
        self.name = self._run.name

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        return unit(self._run(pictures))


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of unit length; one of zeros becomes not a number, for it has no direction."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(found, np.float32)


def _loaded(content: bytes, info: WeightsInfo, device: str, precision: Precision, threads: int) -> Runtime:
    def load(hint: Hint) -> Runtime:
        return load_runtime(content, device=device, hint=hint, threads=threads)

    if precision == "fp32" or device != "cpu" or not names_bf16():
        if precision == "bf16":
            raise EngineMissing("bf16 needs OpenVINO and a processor that has it: choose auto or fp32")
        return load("f32")
    if precision == "bf16":
        return load("bf16")
    cosine = _cached_cosine(info)
    if cosine is None:
        cosine = _cosine(load("f32"), load("bf16"), info.preprocessing)
        _cache_cosine(info, cosine)
    _log.info("action=bf16 taken=%s weights=%s cosine=%.5f", cosine >= _LEAST_COSINE, info.digest[:16], cosine)
    return load("bf16" if cosine >= _LEAST_COSINE else "f32")


def _cosine(exact: Runtime, other: Runtime, preprocessing: Preprocessing) -> float:
    """The least cosine of two ways to run a network, on drawn characters; 0 where one gives no numbers."""
    from model.onnx.drawn_pictures import drawn_pictures

    pictures = drawn_pictures(_CHARACTERS, 2, preprocessing)
    batches = [pictures[n : n + _BATCH] for n in range(0, len(pictures), _BATCH)]
    parts = [np.concatenate([unit(run(batch)) for batch in batches]) for run in (exact, other)]
    found = float(np.einsum("nd,nd->n", *parts, dtype=np.float64).min())
    return found if np.isfinite(found) else 0.0


def _key(info: WeightsInfo) -> str:
    from model.network.openvino_runtime import ov

    return f"OpenVINO {ov.__version__}, {info.preprocessing.version}"


def _cached_cosine(info: WeightsInfo) -> float | None:
    try:
        kept = json.loads((cache_folder() / f"bf16-{info.digest[:32]}.json").read_text(encoding="utf-8"))
        return float(kept["cosine"]) if kept["measured_by"] == _key(info) else None
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return None


def _cache_cosine(info: WeightsInfo, cosine: float) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # no home, no space, no permission
        fields = {"measured_by": _key(info), "cosine": cosine}
        write_text(cache_folder() / f"bf16-{info.digest[:32]}.json", json.dumps(fields))
