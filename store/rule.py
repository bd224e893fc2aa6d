"""The matching rule, shared by the command line, passes and workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StrictBool

from store.match import Match

__all__ = ["Distance", "Rule"]

Distance = Annotated[float, Field(strict=True, ge=0, le=2)]
"""A cosine distance."""


@dataclass(frozen=True)
class Rule:
    """The conditions for naming a picture.

    Attributes:
        threshold: Cosine distance up to which the nearest character is accepted, 0..2.
        match: How the distances to a character's references become one.
        margin: Minimum extra distance of the next character; else the picture goes to review.
        band: Pictures beyond the threshold by at most this go to review too.
        multiple: File a picture under every character within the threshold; the margin is then unused.

    Raises:
        ValueError: A value is outside its range.
    """

    threshold: Distance
    match: Match = Match.MAX
    margin: Distance = 0.02
    band: Distance = 0.0
    multiple: StrictBool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 2.0:
            raise ValueError(f"threshold {self.threshold} is not a cosine distance: it must lie in 0..2")
        if self.match not in set(Match):
            raise ValueError(f"match {self.match!r} is not one of {', '.join(Match)}")
        if not (0.0 <= self.margin <= 2.0 and 0.0 <= self.band <= 2.0):
            raise ValueError("margin and band are distances: they must lie in 0..2")
