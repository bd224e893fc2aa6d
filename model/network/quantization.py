"""The int8 quantisation of a weights file: activation ranges, and how far int8 moves the embeddings.

Both are measured on drawn characters when the file is first loaded, and cached below `$XDG_CACHE_HOME/oshiwake`
(default `~/.cache/oshiwake`). The cache may be deleted; without one, each process measures again. The shipped weights
come with their own measurements.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.cache_folder import cache_folder
from model.files import write_text
from model.network.int8_products import byte_instructions, cpu_flags
from model.network.openvino_graph import ACTIVATIONS, ActivationRange
from model.network.openvino_runtime import ov
from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo

__all__ = [
    "MIN_COSINE_AUTO",
    "MIN_COSINE_INT8",
    "Quantization",
    "activation_ranges",
    "cache_quantization",
    "cached_quantization",
    "min_cosine",
]

MIN_COSINE_AUTO = 0.999
"""`auto` takes an int8 network that reaches this cosine. Weights that did kept their equal error rates on real
pictures, mostly within 0.1 point (docs/decisions/0008-engines.md)."""

MIN_COSINE_INT8 = 0.99
"""`int8` refuses a network that does not reach this cosine."""

REVISION = 4
"""Raise this whenever the same weights would give other numbers; the cache of an earlier revision is not read."""

_CHARACTERS, _PICTURES = 16, 2
"""Drawn characters, and pictures of each, for the calibration; as many other characters for the comparison."""


@dataclass(frozen=True)
class Quantization:
    """The quantisation of one weights file.

    Attributes:
        bits: Of the kernels.
        ranges: Of each of `model.network.openvino_graph.ACTIVATIONS` in the float32 network.
        min_cosine: Of the backbone embeddings in int8 to those in float32, on pictures that the calibration did not
            use. The colour histogram is never quantised.
    """

    bits: int
    ranges: Mapping[str, ActivationRange]
    min_cosine: float

    @property
    def holds(self) -> bool:
        """Whether `auto` may take it."""
        return self.min_cosine >= MIN_COSINE_AUTO


def cached_quantization(info: WeightsInfo, bits: int) -> Quantization | None:
    """The quantisation from the cache or from the package; None where neither fits this process.

    Args:
        info: The weights.
        bits: Of kernels on this processor.
    """
    key = _key(info, bits)
    return _read(_cached_at, {**key, "measured_by": _measured_by()}) or _read(_shipped_at, key)


def _read(path: Callable[[dict[str, Any]], Path], key: dict[str, Any]) -> Quantization | None:
    try:
        kept = json.loads(path(key).read_text(encoding="utf-8"))
        if {name: kept[name] for name in key} != key:
            return None
        ranges = {name: _range(kept["activations"][name], channels) for name, channels in ACTIVATIONS.items()}
        cosine = float(kept["min_cosine"])
        return Quantization(key["bits"], ranges, cosine) if np.isfinite(cosine) else None
    except (OSError, RuntimeError, ArithmeticError, ValueError, TypeError, KeyError):
        return None


def cache_quantization(info: WeightsInfo, quantization: Quantization) -> None:
    """Store a quantisation for later processes; do nothing where nothing can be written."""
    ranges = quantization.ranges.items()
    key = _key(info, quantization.bits)
    fields = {
        **key,
        "measured_by": _measured_by(),
        "min_cosine": quantization.min_cosine,
        "activations": {name: {"maximum": one.maximum, "means": one.means.tolist()} for name, one in ranges},
    }
    with contextlib.suppress(OSError, RuntimeError):  # no home, no space, no permission
        write_text(_cached_at(key), json.dumps(fields))


def activation_ranges(calibrating: ov.InferRequest, side: int) -> dict[str, ActivationRange]:
    """Calibrate: the activation ranges of the float32 network on drawn characters.

    Args:
        calibrating: A graph built with `calibrate`.
        side: Of the input tensor, in pixels.
    """
    batches = []
    for pictures in _drawn(0, side):
        found = calibrating.infer({0: pictures}, share_inputs=True)
        batches.append([np.array(found[n]) for n in range(1, 1 + 2 * len(ACTIVATIONS))])
    return {
        name: ActivationRange(
            float(max(found[2 * n] for found in batches)), np.mean([found[2 * n + 1] for found in batches], axis=0)
        )
        for n, name in enumerate(ACTIVATIONS)
    }


def min_cosine(exact: ov.InferRequest, quantized: ov.InferRequest, side: int) -> float:
    """The minimum cosine between two graphs, on drawn characters that `activation_ranges` does not use, on a black
    and a white picture."""
    plain = np.stack([np.full((side, side, 3), value, np.uint8) for value in (0, 255)])
    cosines = []
    for pictures in (*_drawn(_CHARACTERS, side), plain):
        one, other = (graph.infer({0: pictures}, share_inputs=True)[0] for graph in (exact, quantized))
        cosines += np.einsum("nd,nd->n", one, other, dtype=np.float64).tolist()
    return float(np.min(cosines))  # NaN if one of them is NaN


def _drawn(first: int, side: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of `_CHARACTERS` characters with consecutive seeds, one character at a time."""
    from model.synthesis import Identity, draw

    for character in range(first, first + _CHARACTERS):
        identity = Identity.from_seed(character)
        yield np.stack([np.asarray(draw(identity, n, size_px=side)) for n in range(_PICTURES)])


def _cached_at(key: dict[str, Any]) -> Path:
    """The file in the cache.

    Raises:
        RuntimeError: There is no home directory.
    """
    return cache_folder() / _name(key)


def _shipped_at(key: dict[str, Any]) -> Path:
    """The file beside the shipped weights: a copy of what a cache held."""
    return DEFAULT_WEIGHTS.parent / _name(key)


def _name(key: dict[str, Any]) -> str:
    return f"quantization-{key['digest'][:32]}-{key['side']}px-{key['bits']}bit.json"


def _key(info: WeightsInfo, bits: int) -> dict[str, Any]:
    """What decides the quantisation, apart from the library and the processor."""
    return {"revision": REVISION, "digest": info.digest, "side": info.preprocessing.size_px, "bits": bits}


def _measured_by() -> str:
    """Library and instructions that the cosine depends on; machines may share a home directory."""
    return f"OpenVINO {ov.__version__} with {' '.join(byte_instructions(cpu_flags())) or 'no instructions for bytes'}"


def _range(kept: dict[str, Any], channels: int) -> ActivationRange:
    """Check a cached activation range.

    Raises:
        ArithmeticError, KeyError, TypeError, ValueError: It has another form, or values that no network gives.
    """
    maximum, means = _finite([kept["maximum"]])[0], _finite(kept["means"])
    if maximum < 0 or len(means) != channels:
        raise ValueError("no activation range of this network")
    return ActivationRange(float(maximum), means)


def _finite(values: list[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("not a row of finite numbers")
    return array
