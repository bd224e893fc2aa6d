"""The matching rule, shared by the command line, passes and workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StrictBool

from store.match import Match

__all__ = ["DEFAULT_STRANGERS", "Distance", "Rule", "Share"]

Distance = Annotated[float, Field(strict=True, ge=0, le=2)]
"""A cosine distance."""

Share = Annotated[float, Field(strict=True, ge=0, le=1)]
"""A part of a whole, 0..1."""

DEFAULT_STRANGERS = 0.1


@dataclass(frozen=True)
class Rule:
    """The conditions for naming a picture.

    Attributes:
        threshold: Cosine distance up to which the nearest character is accepted, 0..2; None where it follows from
            `strangers`.
        match: How the distances to a character's references become one.
        margin: Minimum extra distance of the next character; else it is too close to call between the two.
        band: Pictures beyond the threshold by at most this go to review too.
        multiple: File a picture under every character that one of its heads shows; else under the surest.
        strangers: Share of the pictures of characters without references that may get a name, 0..1; unused if there is
            a threshold.

    Raises:
        ValueError: A value is outside its range.
    """

    threshold: Distance | None = None
    match: Match = Match.CENTROID
    margin: Distance = 0.02
    band: Distance = 0.0
    multiple: StrictBool = False
    strangers: Share = DEFAULT_STRANGERS

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0.0 <= self.threshold <= 2.0:
            raise ValueError(f"threshold {self.threshold} is not a cosine distance: it must lie in 0..2")
        if self.match not in set(Match):
            raise ValueError(f"match {self.match!r} is not one of {', '.join(Match)}")
        if not (0.0 <= self.margin <= 2.0 and 0.0 <= self.band <= 2.0):
            raise ValueError("margin and band are distances: they must lie in 0..2")
        if not 0.0 <= self.strangers <= 1.0:
            raise ValueError(f"strangers {self.strangers} is not a share: it must lie in 0..1")

    @property
    def limit(self) -> float:
        """The threshold.

        Raises:
            ValueError: It is not known yet.
        """
        if self.threshold is None:
            raise ValueError("the threshold is not known yet: calibrate the references first")
        return self.threshold
