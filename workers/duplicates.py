"""Which files have the same bytes as one seen before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Duplicates"]


class Duplicates:
    """Finds duplicates in two passes over the digests of a run.

    The first pass keeps eight bytes a file (80 MB for ten million) and finds the few that occur twice; only for those
    does the second pass remember digest and name.
    """

    def __init__(self, chunks: Iterable[NDArray[np.uint8]]) -> None:
        """First pass: all digests of the run, `(k, 32)` uint8 for each chunk, in scan order."""
        beginnings = bytearray()
        for digests in chunks:
            beginnings += _beginnings(digests).tobytes()
        ordered = np.frombuffer(beginnings, np.uint64)
        ordered.sort()
        self._all = ordered
        self._repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])  # rising
        self._first: dict[bytes, str] = {}

    def has(self, digests: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of these digests, `(k, 32)` uint8, a file of the run has: `(k,)`."""
        if len(self._all) == 0:
            return np.zeros(len(digests), np.bool_)
        beginnings = _beginnings(digests)
        found: NDArray[np.bool_] = self._all.take(np.searchsorted(self._all, beginnings), mode="clip") == beginnings
        return found

    def find(self, digests: NDArray[np.uint8], name: Callable[[int], str]) -> dict[int, str]:
        """Second pass, in the same order: the files whose bytes an earlier one has, by index, and that one's name.

        Args:
            digests: `(k, 32)` uint8.
            name: The name of one of these files; no two files have the same.
        """
        if len(self._repeated) == 0:
            return {}
        beginnings = _beginnings(digests)
        nearest = self._repeated.take(np.searchsorted(self._repeated, beginnings), mode="clip")
        found: dict[int, str] = {}
        for row in np.flatnonzero(nearest == beginnings).tolist():
            own = name(row)
            first = self._first.setdefault(digests[row].tobytes(), own)
            if first != own:
                found[row] = first
        return found


def _beginnings(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The first eight bytes of each digest."""
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64)[:, 0]
