"""Which files have the same bytes as one seen before."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np

__all__ = ["Duplicates"]


class Duplicates:
    """Finds duplicates in two passes over the digests of a run.

    The first pass keeps eight bytes a file (80 MB for ten million) and finds the few that occur twice; only for those
    does the second pass remember digest and name.
    """

    def __init__(self, digests: Iterable[bytes]) -> None:
        """First pass: all digests of the run, in scan order."""
        prefixes = np.frombuffer(array("Q", (int.from_bytes(digest[:8], "big") for digest in digests)), np.uint64)
        prefixes = np.sort(prefixes)
        self._repeated = set(prefixes[1:][prefixes[1:] == prefixes[:-1]].tolist())
        self._first: dict[bytes, str] = {}

    def first_of(self, digest: bytes, name: str) -> str | None:
        """Second pass, in the same order: the earlier file with these bytes, or None for the first one."""
        if int.from_bytes(digest[:8], "big") not in self._repeated:
            return None
        first = self._first.setdefault(digest, name)
        return None if first == name else first
