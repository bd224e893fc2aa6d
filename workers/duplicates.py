"""Which files have the same bytes as one seen before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["Duplicates"]

_DIGEST_BYTES = 32


class Duplicates:
    """Finds duplicates in two passes over the digests of a run.

    The first pass keeps eight bytes a file (80 MB for ten million) and finds the few that occur twice; only for those
    does the second pass remember digest and name.
    """

    def __init__(self, chunks: Iterable[Sequence[bytes]]) -> None:
        """First pass: all digests of the run, sha256, chunk by chunk in scan order."""
        prefixes = bytearray()
        for digests in chunks:
            prefixes += np.frombuffer(b"".join(digests), np.uint64).reshape(-1, _DIGEST_BYTES // 8)[:, 0].tobytes()
        ordered = np.frombuffer(prefixes, np.uint64)
        ordered.sort()
        self._repeated = {prefix.tobytes() for prefix in np.unique(ordered[1:][ordered[1:] == ordered[:-1]])}
        self._first: dict[bytes, str] = {}

    def first_of(self, digest: bytes, name: str) -> str | None:
        """Second pass, in the same order: the earlier file with these bytes, or None for the first one."""
        if digest[:8] not in self._repeated:
            return None
        first = self._first.setdefault(digest, name)
        return None if first == name else first
