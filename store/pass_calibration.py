"""What a pass works with, measured once from its references and its archive, so that all machines decide alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from store.fields import KNOWN_ALONE, Count, Text
from store.rule import Distance, Share

__all__ = ["PassCalibration"]

_Number = Annotated[float, Field(strict=True, ge=-1e6, le=1e6)]
_Centre = Annotated[list[_Number], Field(max_length=1 << 16)]


@dataclass(frozen=True)
class PassCalibration:
    """What was measured.

    Attributes:
        threshold: The largest distance that gives a name.
        centre: The mean that is taken off the vectors of whole pictures; empty where none is.
        head_centre: The same of heads.
        directions: Base64 of `(dim, k)` little-endian float32, by which both are multiplied then; empty where they are
            not.
        strangers: For each share of `model.matching.strangers.SHARES` the distance within which that share of strangers
            comes, rising; empty where it cannot be told.
        strangers_named: Share of strangers expected to get a name, or None.
        known_missed: Share of the pictures of characters with references expected to get no name, or None.
        confidence: What `model.matching.confidence.for_pass` gives; empty where it is not known. Earlier versions wrote
            two numbers of another meaning.
        references: References of characters that were measured.
        characters: Their characters.
        cohort: Drawn strangers that were measured beside them.
        remark: Why the threshold is that of the weights; empty otherwise.
    """

    __pydantic_config__ = KNOWN_ALONE

    threshold: Distance
    centre: _Centre = field(default_factory=list)
    head_centre: _Centre = field(default_factory=list)
    directions: Text = ""
    strangers: Annotated[list[Distance], Field(max_length=1 << 16)] = field(default_factory=list)
    strangers_named: Share | None = None
    known_missed: Share | None = None
    confidence: Annotated[list[_Number], Field(max_length=4)] = field(default_factory=list)
    references: Count = 0
    characters: Count = 0
    cohort: Count = 0
    remark: Text = ""
