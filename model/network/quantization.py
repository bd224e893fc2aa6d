"""How the network of a weights file is rounded to int8, and how much that moves its embeddings.

Both are found on drawn characters when the file is first loaded, and kept below `$XDG_CACHE_HOME/oshiwake` (default
`~/.cache/oshiwake`), so that the next process does not look again. What is kept may be deleted, and where nothing can
be kept, each process looks. The shipped weights come with theirs.
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
"""The lowest cosine with which `auto` takes an int8 network. Weights that keep to it on the pictures that are compared
have kept the equal error rates of real ones, mostly within 0.1 point (docs/decisions/0008-engines.md)."""

PROMISED = 0.99
"""The lowest cosine with which int8 is taken where it is asked for by name."""

RULE = 3
"""Counts up whenever other numbers would be found for the same weights; what an earlier rule found is not read."""

_CHARACTERS, _PICTURES = 16, 2
"""How many drawn characters, and pictures of each, show what a network sees; as many other characters are compared."""


@dataclass(frozen=True)
class Quantization:
    """What an int8 network of a weights file rounds by, and what comes of it.

    Attributes:
        bits: Of its kernels.
        seen: At each of `model.network.openvino_graph.PLACES`, by the float32 network.
        least: The lowest cosine to float32 among pictures that `seen` does not know, of the learned part: the colours
            are never rounded.
    """

    bits: int
    seen: Mapping[str, ActivationRange]
    least: float

    @property
    def holds(self) -> bool:
        """Whether `auto` may take it."""
        return self.least >= LEAST


def cached_quantization(info: WeightsInfo, bits: int) -> Quantization | None:
    """What an earlier process has kept, or what is shipped; None where neither is what this one would find.

    Args:
        info: The weights.
        bits: That kernels may have here.
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
    """Keep it for the next process, where that can be."""
    seen = {place: {"most": one.most, "means": one.means.tolist()} for place, one in rounding.seen.items()}
    key = _key(info, rounding.bits)
    with contextlib.suppress(OSError, RuntimeError):  # no home, no space, no permission
        write_text(_kept_at(key), json.dumps({**key, "by": _by(), "least": rounding.least, "seen": seen}))


def activation_ranges(watching: ov.InferRequest, side: int) -> dict[str, ActivationRange]:
    """What the float32 network sees in drawn characters.

    Args:
        watching: A graph built with `watch`.
        side: Of its pictures, in pixels.
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
    """The lowest cosine between two graphs, of drawn characters that `activation_ranges` does not show, black, and
    white."""
    plain = np.stack([np.full((side, side, 3), value, np.uint8) for value in (0, 255)])
    cosines = []
    for pictures in (*_drawn(_CHARACTERS, side), plain):
        one, other = (graph.infer({0: pictures}, share_inputs=True)[0] for graph in (exact, rounded))
        cosines += np.einsum("nd,nd->n", one, other, dtype=np.float64).tolist()
    return float(np.min(cosines))  # not a number, if one of them is none


def _drawn(first: int, side: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of some characters, from a seed on, one character at a time."""
    from model.synthesis import Identity, draw

    for character in range(first, first + _CHARACTERS):
        identity = Identity.from_seed(character)
        yield np.stack([np.asarray(draw(identity, n, size_px=side)) for n in range(_PICTURES)])


def _kept_at(key: dict[str, Any]) -> Path:
    """The file of the cache.

    Raises:
        RuntimeError: There is no home.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The specification of the XDG base directories: a relative path is invalid and to be ignored.
    home = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return home / "oshiwake" / _name(key)


def _shipped_at(key: dict[str, Any]) -> Path:
    """What a cache has kept for the shipped weights, put beside them."""
    return DEFAULT_WEIGHTS.parent / _name(key)


def _name(key: dict[str, Any]) -> str:
    return f"rounding-{key['digest'][:32]}-{key['side']}px-{key['bits']}bit.json"


def _key(info: WeightsInfo, bits: int) -> dict[str, Any]:
    """What must be the same for another process to find the same."""
    return {"rule": RULE, "digest": info.digest, "side": info.preprocessing.size_px, "bits": bits}


def _by() -> str:
    """What the cosine was found by: library, and instructions. Machines may share a home."""
    return f"OpenVINO {ov.__version__} with {' '.join(instructions(shown_flags())) or 'no instructions for bytes'}"


def _seen(kept: dict[str, Any], channels: int) -> ActivationRange:
    """Read back what was seen at a place.

    Raises:
        ArithmeticError, KeyError, TypeError, ValueError: It has another form, or is nothing that a network shows.
    """
    most, means = _finite([kept["most"]])[0], _finite(kept["means"])
    if most < 0 or len(means) != channels:
        raise ValueError("nothing that a network shows")
    return ActivationRange(float(most), means)


def _finite(values: list[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("not a row of finite numbers")
    return array
