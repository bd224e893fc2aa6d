"""How the network of a weights file is rounded to 8 bits, and how much that moves its embeddings.

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
import openvino as ov
from numpy.typing import NDArray

from model.files import write_text
from model.graph import PLACES, Seen
from model.weights import DEFAULT_WEIGHTS, WeightsInfo

__all__ = ["LEAST", "Rounding", "byte_instructions", "keep_rounding", "kept_rounding", "least_cosine", "observed"]

LEAST = 0.999
"""The lowest cosine with which `auto` takes an int8 network. Weights that keep to it on the pictures that are compared
have kept the equal error rates of real ones, mostly within 0.1 point (docs/decisions/0008-engines.md)."""

RULE = 2
"""Counts up whenever other numbers would be found for the same weights; what an earlier rule found is not read."""

_CHARACTERS, _PICTURES = 16, 2
"""How many drawn characters, and pictures of each, show what a network sees; as many other characters are compared."""


@dataclass(frozen=True)
class Rounding:
    """What an int8 network of a weights file rounds by, and what comes of it.

    Attributes:
        seen: At each of `model.graph.PLACES`, by the float32 network.
        least: The lowest cosine to float32 among pictures that `seen` does not know, of the learned part: the colours
            are never rounded.
    """

    seen: Mapping[str, Seen]
    least: float

    @property
    def holds(self) -> bool:
        """Whether `auto` may take it."""
        return self.least >= LEAST


def byte_instructions() -> set[str]:
    """By which this processor multiplies and adds bytes in one step; OpenVINO names int8 for every processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return {"avx512_vnni", "avx_vnni", "amx_int8"}.intersection(flags.split())


def kept_rounding(info: WeightsInfo) -> Rounding | None:
    """What an earlier process has kept, or what is shipped; None where neither is what this one would find."""
    return _read(info, _kept_at, {**_key(info), "by": _by()}) or _read(info, _shipped_at, _key(info))


def _read(info: WeightsInfo, place: Callable[[WeightsInfo], Path], key: dict[str, Any]) -> Rounding | None:
    try:
        kept = json.loads(place(info).read_text(encoding="utf-8"))
        if {name: kept[name] for name in key} != key:
            return None
        seen = {name: _seen(kept["seen"][name], channels) for name, channels in PLACES.items()}
        least = float(kept["least"])
        return Rounding(seen, least) if np.isfinite(least) else None
    except (OSError, RuntimeError, ArithmeticError, ValueError, TypeError, KeyError):
        return None


def keep_rounding(info: WeightsInfo, rounding: Rounding) -> None:
    """Keep it for the next process, where that can be."""
    seen = {place: {"most": one.most, "means": one.means.tolist()} for place, one in rounding.seen.items()}
    with contextlib.suppress(OSError, RuntimeError):  # no home, no space, no permission
        write_text(_kept_at(info), json.dumps({**_key(info), "by": _by(), "least": rounding.least, "seen": seen}))


def observed(watching: ov.InferRequest, side: int) -> dict[str, Seen]:
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
        place: Seen(float(max(found[2 * n] for found in shown)), np.mean([found[2 * n + 1] for found in shown], axis=0))
        for n, place in enumerate(PLACES)
    }


def least_cosine(exact: ov.InferRequest, rounded: ov.InferRequest, side: int) -> float:
    """The lowest cosine between two graphs, of drawn characters that `observed` does not show, black, and white."""
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


def _kept_at(info: WeightsInfo) -> Path:
    """The file of the cache.

    Raises:
        RuntimeError: There is no home.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The specification of the XDG base directories: a relative path is invalid and to be ignored.
    home = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return home / "oshiwake" / _name(info)


def _shipped_at(info: WeightsInfo) -> Path:
    """What a cache has kept for the shipped weights, put beside them."""
    return DEFAULT_WEIGHTS.parent / _name(info)


def _name(info: WeightsInfo) -> str:
    return f"rounding-{info.digest[:32]}-{info.preprocessing.size_px}.json"


def _key(info: WeightsInfo) -> dict[str, Any]:
    """What must be the same for another process to find the same."""
    return {"rule": RULE, "digest": info.digest, "side": info.preprocessing.size_px}


def _by() -> str:
    """What the cosine was found by: library, and instructions. Machines may share a home."""
    return f"OpenVINO {ov.__version__} with {' '.join(sorted(byte_instructions())) or 'no instructions for bytes'}"


def _seen(kept: dict[str, Any], channels: int) -> Seen:
    """Read back what was seen at a place.

    Raises:
        ArithmeticError, KeyError, TypeError, ValueError: It has another form, or is nothing that a network shows.
    """
    most, means = _finite([kept["most"]])[0], _finite(kept["means"])
    if most < 0 or len(means) != channels:
        raise ValueError("nothing that a network shows")
    return Seen(float(most), means)


def _finite(values: list[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("not a row of finite numbers")
    return array
