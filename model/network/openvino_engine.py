"""The OpenVINO engine for processors; it does not import torch."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from model.errors import EngineMissing, WeightsError
from model.network.architecture import colours_in
from model.network.colour_histogram_numpy import unit_colours
from model.network.engine import Engine, Precision
from model.network.int8_products import cpu_flags, int8_is_faster, kernel_bits
from model.network.openvino_graph import ActivationRange, Tensors, build_backbone
from model.network.openvino_runtime import openvino_core, ov
from model.network.quantization import (
    MIN_COSINE_INT8,
    Quantization,
    activation_ranges,
    cache_quantization,
    cached_quantization,
    min_cosine,
)
from model.network.weights_file import WeightsInfo

__all__ = ["OpenVinoEngine"]

_BATCH = 8
"""Pictures per thread: the output of a layer for more pictures does not fit in the second-level cache."""

_log = logging.getLogger(__name__)


class OpenVinoEngine(Engine):
    """See `model.network.engine.Engine`."""

    def __init__(
        self,
        tensors: Tensors,
        info: WeightsInfo,
        *,
        precision: Precision = "auto",
        threads: int = 0,
    ) -> None:
        """Build and compile the graphs.

        Raises:
            WeightsError: The tensors do not fit the architecture.
            EngineMissing: bf16 is asked for and the processor does not have it; or int8 is asked for, and these weights
                do not keep the promised cosine on this processor.
        """
        self._core = openvino_core()
        self._threads = threads
        self.batch = _BATCH * max(1, threads)
        try:
            self._check(tensors, info)
            taken, self._backbone = self._take(tensors, info, precision)
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightsError(f"its tensors do not fit {info.architecture} ({str(error).splitlines()[0]})") from error
        self.name = f"OpenVINO {taken} on {threads or 'all'} threads"
        self._colours = {name: array for name, array in tensors.items() if name.startswith("colours.")}

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        pictures = np.ascontiguousarray(pictures)
        backbone = np.array(self._backbone.infer({0: pictures}, share_inputs=True)[0])
        if not self._colours:
            return backbone
        share = self._colours["colours.share"]
        parts = [backbone * np.sqrt(1 - share), unit_colours(pictures, self._colours) * np.sqrt(share)]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _take(self, tensors: Tensors, info: WeightsInfo, precision: Precision) -> tuple[str, ov.InferRequest]:
        """The precision that is used, and the compiled graph."""
        side = info.preprocessing.size_px
        if precision == "int8" or (precision == "auto" and int8_is_faster(cpu_flags())):
            bits = kernel_bits(self._core)
            quantization = cached_quantization(info, bits) or self._quantize(tensors, info, bits)
            if precision == "int8" and not quantization.min_cosine >= MIN_COSINE_INT8:
                raise EngineMissing(
                    "int8 moves embeddings of these weights too far on this processor"
                    f" (cosine {quantization.min_cosine:.4f}, not {MIN_COSINE_INT8}): choose auto, bf16 or fp32"
                )
            if precision == "int8" or quantization.holds:
                return "int8", self._int8(tensors, side, quantization.ranges, bits)
            _log.info("action=int8 taken=no weights=%s min_cosine=%.5f", info.digest[:16], quantization.min_cosine)
        graph = build_backbone(tensors, side)
        if precision == "bf16" or (precision == "auto" and self._names_bf16()):
            try:
                return "bf16", self._compile(graph, "bf16")
            except RuntimeError as error:  # listed but not usable: OpenVINO is limited to older instructions
                if precision == "bf16":
                    raise EngineMissing("OpenVINO has no bf16 on this processor: choose auto or fp32") from error
        return "fp32", self._compile(graph, "f32")

    def _names_bf16(self) -> bool:
        return "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def _quantize(self, tensors: Tensors, info: WeightsInfo, bits: int) -> Quantization:
        """Calibrate on drawn characters, measure the cosine to float32, and cache both."""
        side = info.preprocessing.size_px
        exact = self._compile(build_backbone(tensors, side, calibrate=True), "f32")
        ranges = activation_ranges(exact, side)
        cosine = min_cosine(exact, self._int8(tensors, side, ranges, bits), side)
        quantization = Quantization(bits, ranges, cosine)
        cache_quantization(info, quantization)
        return quantization

    def _int8(self, tensors: Tensors, side: int, ranges: Mapping[str, ActivationRange], bits: int) -> ov.InferRequest:
        return self._compile(build_backbone(tensors, side, ranges=ranges, bits=bits), "f32")

    def _compile(self, graph: ov.Model, hint: str) -> ov.InferRequest:
        options = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": "1",
            "ENABLE_CPU_PINNING": False,  # with pinning all processes of a machine would use its first cores
        }
        return self._core.compile_model(graph, "CPU", options).create_infer_request()

    @staticmethod
    def _check(tensors: Tensors, info: WeightsInfo) -> None:
        """Make sure that the tensors give embeddings of the promised length."""
        colours = colours_in(info.architecture) or 0
        learned = len(tensors["head.bias"])
        if learned + colours != info.dimension or (colours and len(tensors["colours.axes.bias"]) != colours):
            raise ValueError(f"{learned} learned numbers and {colours} colours are not {info.dimension}")
