"""How files ended, in numbers. Counting needs no Parquet, which loads slowly, so this is apart from the shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from store.fields import KNOWN_ALONE, Count

__all__ = ["Counts"]


@dataclass(frozen=True)
class Counts:
    """How the files of one or more chunks ended, in numbers.

    Attributes:
        images: Files read.
        embedded: Of these, with an embedding.
        unreadable: Of these, pictures that cannot be read.
        unsupported: Of these, no pictures.
        copied: Of the embedded, those whose embeddings another run had computed for the same bytes.
    """

    __pydantic_config__ = KNOWN_ALONE

    images: Count = 0
    embedded: Count = 0
    unreadable: Count = 0
    unsupported: Count = 0
    copied: Count = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, kinds: Sequence[str], copied: int = 0) -> Counts:
        """Count a chunk's outcomes, so many of them copied."""
        embedded, unreadable, unsupported = map(kinds.count, ("embedded", "unreadable", "unsupported"))
        return cls(len(kinds), embedded, unreadable, unsupported, copied)
