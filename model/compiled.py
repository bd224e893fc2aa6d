"""The network on a processor, by OpenVINO; torch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from model.architecture import colours_in
from model.engine import Engine
from model.errors import WeightsError
from model.graph import PLACES, Ranges, build_learned
from model.histogram import unit_colours
from model.weights import WeightsInfo

__all__ = ["CompiledEngine"]

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
_BATCH = 8
"""Pictures for each thread: of more than that, what a layer leaves does not stay in the second-level cache."""

_CHARACTERS, _PICTURES = 16, 2
"""How many drawn characters, and pictures of each, show the ranges of an int8 network."""


class CompiledEngine(Engine):
    """See `model.engine.Engine`."""

    def __init__(
        self,
        tensors: Mapping[str, NDArray[Any]],
        info: WeightsInfo,
        *,
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
        threads: int = 0,
    ) -> None:
        """Build and compile the graphs.

        Raises:
            WeightsError: The tensors do not fit the architecture.
        """
        self._core = ov.Core()
        self._threads = threads
        self.batch = _BATCH * max(1, threads)
        side = info.preprocessing.size_px
        if precision == "auto":
            precision = "bf16" if "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
        self.name = f"OpenVINO {precision} on {threads or 'all'} threads"
        try:
            self._check(tensors, info)
            ranges = self._observe(tensors, side) if precision == "int8" else None
            self._learned = self._compile(build_learned(tensors, side, ranges=ranges), _HINTS[precision])
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightsError(f"its tensors do not fit {info.architecture} ({str(error).splitlines()[0]})") from error
        self._colours = {name: array for name, array in tensors.items() if name.startswith("colours.")}

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        pictures = np.ascontiguousarray(pictures)
        learned = np.array(self._learned.infer({0: pictures}, share_inputs=True)[0])
        if not self._colours:
            return learned
        share = self._colours["colours.share"]
        parts = [learned * np.sqrt(1 - share), unit_colours(pictures, self._colours) * np.sqrt(share)]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _compile(self, graph: ov.Model, hint: str) -> ov.InferRequest:
        options = {
            "INFERENCE_PRECISION_HINT": hint,
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": "1",
            "ENABLE_CPU_PINNING": False,  # pinned, the processes of one machine all sit on its first cores
        }
        return self._core.compile_model(graph, "CPU", options).create_infer_request()

    def _observe(self, tensors: Mapping[str, NDArray[Any]], side: int) -> Ranges:
        """What a float32 network sees in drawn characters at each place where an int8 network will round."""
        from model.synthesis import Identity, draw

        watching = self._compile(build_learned(tensors, side, watch=True), "f32")
        low, high = np.full(len(PLACES), np.inf), np.full(len(PLACES), -np.inf)
        for character in range(_CHARACTERS):
            drawn = [draw(Identity.from_seed(character), n, size_px=side) for n in range(_PICTURES)]
            found = watching.infer({0: np.stack([np.asarray(picture) for picture in drawn])})
            low, high = np.minimum(low, found[1]), np.maximum(high, found[2])
        return {place: (float(a), float(b)) for place, a, b in zip(PLACES, low, high, strict=True)}

    @staticmethod
    def _check(tensors: Mapping[str, NDArray[Any]], info: WeightsInfo) -> None:
        """Make sure that the numbers make embeddings of the promised length."""
        colours = colours_in(info.architecture) or 0
        learned = len(tensors["head.bias"])
        if learned + colours != info.dimension or (colours and len(tensors["colours.axes.bias"]) != colours):
            raise ValueError(f"{learned} learned numbers and {colours} colours are not {info.dimension}")
