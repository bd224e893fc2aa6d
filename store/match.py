"""How the distances to several references become one. Its own module, so that the command line starts fast."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Match"]


class Match(StrEnum):
    """How the distances to a character's references become one."""

    CENTROID = "centroid"
    MAX = "max"
    MEAN = "mean"
    TOP3 = "top3"
