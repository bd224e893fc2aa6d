"""How files ended, in numbers. Apart from the shards, which take long to load: whoever only counts needs no Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

__all__ = ["Counts"]


@dataclass(frozen=True)
class Counts:
    """How the files of a chunk, or of several, ended, in numbers."""

    images: int = 0
    embedded: int = 0
    unreadable: int = 0
    unsupported: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, kinds: Sequence[str]) -> Counts:
        """Count a chunk's outcomes."""
        return cls(len(kinds), *map(kinds.count, ("embedded", "unreadable", "unsupported")))
