"""The int8 quantisation of a weights file: activation ranges, and how far int8 moves the embeddings.

Both are measured on drawn characters when the file is first loaded, and cached below `$XDG_CACHE_HOME/oshiwake`
(default `~/.cache/oshiwake`). The cache may be deleted; without one, each process measures again. The shipped weights
come with their own measurements.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.files import write_text
from model.network.int8_products import instructions, shown_flags
from model.network.openvino_graph import PLACES, ActivationRange
from model.network.openvino_runtime import ov
from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo

__all__ = [
    "LEAST",
    "PROMISED",
    "Quantization",
    "activation_ranges",
    "cache_quantization",
    "cached_quantization",
    "least_cosine",
]

LEAST = 0.999
"""`auto` takes an int8 network from this cosine on. Weights that reached it on the compared pictures kept their equal
error rates on real pictures, mostly within 0.1 point (docs/decisions/0008-engines.md)."""

PROMISED = 0.99
"""An int8 network that is asked for by name must reach this cosine."""

RULE = 3
"""Raise this whenever the same weights would give other numbers; the cache of an earlier rule is not read."""

_CHARACTERS, _PICTURES = 16, 2
"""Drawn characters, and pictures of each, for the calibration; as many other characters for the comparison."""


@dataclass(frozen=True)
class Quantization:
    """The quantisation of one weights file.

    Attributes:
        bits: Of the kernels.
        seen: Activation range of the float32 network at each of `model.network.openvino_graph.PLACES`.
        least: Lowest cosine between int8 and float32, on pictures that the calibration did not use. Of the backbone
            embedding: the colour histogram is never quantised.
    """

    bits: int
    seen: Mapping[str, ActivationRange]
    least: float

    @property
    def holds(self) -> bool:
        """Whether `auto` may take it."""
        return self.least >= LEAST


def cached_quantization(info: WeightsInfo, bits: int) -> Quantization | None:
    """The quantisation from the cache or from the package; None where neither fits this process.

    Args:
        info: The weights.
        bits: Of kernels on this processor.
    """
    key = _key(info, bits)
    return _read(_kept_at, {**key, "by": _by()}) or _read(_shipped_at, key)


def _read(place: Callable[[dict[str, Any]], Path], key: dict[str, Any]) -> Quantization | None:
    try:
        kept = json.loads(place(key).read_text(encoding="utf-8"))
        if {name: kept[name] for name in key} != key:
            return None
        seen = {name: _seen(kept["seen"][name], channels) for name, channels in PLACES.items()}
        least = float(kept["least"])
        return Quantization(key["bits"], seen, least) if np.isfinite(least) else None
    except (OSError, RuntimeError, ArithmeticError, ValueError, TypeError, KeyError):
        return None


def cache_quantization(info: WeightsInfo, rounding: Quantization) -> None:
    """Store a quantisation for later processes; do nothing where nothing can be written."""
    seen = {place: {"most": one.most, "means": one.means.tolist()} for place, one in rounding.seen.items()}
    key = _key(info, rounding.bits)
    with contextlib.suppress(OSError, RuntimeError):  # no home, no space, no permission
        write_text(_kept_at(key), json.dumps({**key, "by": _by(), "least": rounding.least, "seen": seen}))


def activation_ranges(watching: ov.InferRequest, side: int) -> dict[str, ActivationRange]:
    """Calibrate: the activation ranges of the float32 network on drawn characters.

    Args:
        watching: A graph built with `watch`.
        side: Of the input tensor, in pixels.
    """
    shown = []
    for pictures in _drawn(0, side):
        found = watching.infer({0: pictures}, share_inputs=True)
        shown.append([np.array(found[n]) for n in range(1, 1 + 2 * len(PLACES))])
    return {
        place: ActivationRange(
            float(max(found[2 * n] for found in shown)), np.mean([found[2 * n + 1] for found in shown], axis=0)
        )
        for n, place in enumerate(PLACES)
    }


def least_cosine(exact: ov.InferRequest, rounded: ov.InferRequest, side: int) -> float:
    """The lowest cosine between two graphs, on drawn characters that `activation_ranges` does not use, on a black
    and a white picture."""
    plain = np.stack([np.full((side, side, 3), value, np.uint8) for value in (0, 255)])
    cosines = []
    for pictures in (*_drawn(_CHARACTERS, side), plain):
        one, other = (graph.infer({0: pictures}, share_inputs=True)[0] for graph in (exact, rounded))
        cosines += np.einsum("nd,nd->n", one, other, dtype=np.float64).tolist()
    return float(np.min(cosines))  # NaN if one of them is NaN


def _drawn(first: int, side: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of `_CHARACTERS` characters with consecutive seeds, one character at a time."""
    from model.synthesis import Identity, draw

    for character in range(first, first + _CHARACTERS):
        identity = Identity.from_seed(character)
        yield np.stack([np.asarray(draw(identity, n, size_px=side)) for n in range(_PICTURES)])


def _kept_at(key: dict[str, Any]) -> Path:
    """The file in the cache.

    Raises:
        RuntimeError: There is no home directory.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: ignore a relative path.
    home = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return home / "oshiwake" / _name(key)


def _shipped_at(key: dict[str, Any]) -> Path:
    """The file beside the shipped weights: a copy of what a cache held."""
    return DEFAULT_WEIGHTS.parent / _name(key)


def _name(key: dict[str, Any]) -> str:
    return f"rounding-{key['digest'][:32]}-{key['side']}px-{key['bits']}bit.json"


def _key(info: WeightsInfo, bits: int) -> dict[str, Any]:
    """What decides the quantisation, apart from the library and the processor."""
    return {"rule": RULE, "digest": info.digest, "side": info.preprocessing.size_px, "bits": bits}


def _by() -> str:
    """Library and instructions that the cosine depends on; machines may share a home directory."""
    return f"OpenVINO {ov.__version__} with {' '.join(instructions(shown_flags())) or 'no instructions for bytes'}"


def _seen(kept: dict[str, Any], channels: int) -> ActivationRange:
    """Check the cached activation range of one place.

    Raises:
        ArithmeticError, KeyError, TypeError, ValueError: It has another form, or values that no network gives.
    """
    most, means = _finite([kept["most"]])[0], _finite(kept["means"])
    if most < 0 or len(means) != channels:
        raise ValueError("no activation range of this network")
    return ActivationRange(float(most), means)


def _finite(values: list[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("not a row of finite numbers")
    return array
