"""The outcome of a pass, as its `summary.json` holds it."""

from __future__ import annotations

from dataclasses import dataclass, field

from store.counts import Counts
from store.fields import KNOWN_ALONE, Count, Text
from store.rule import Distance, Share

__all__ = ["PassSummary"]


@dataclass(frozen=True)
class _Far:
    """A character that no picture resembles, and the minimum distance of an unnamed picture to it if there is one."""

    name: Text
    nearest: Distance | None


@dataclass(frozen=True)
class _Outcomes:
    """Numbers of files by outcome."""

    __pydantic_config__ = KNOWN_ALONE

    assigned: Count
    unknown: Count
    review: Count
    duplicate: Count
    unreadable: Count
    unsupported: Count


@dataclass(frozen=True)
class PassSummary:
    """The outcome of a pass. A newer version may add fields."""

    files: Count
    outcomes: _Outcomes
    failed: list[Text]
    bad_references: list[Text]
    placed: dict[str, Count]
    copied_instead: Count
    already: Count
    left_alone: Count
    problems: list[Text]
    problem_count: Count
    report: Text
    renamed: Count = 0
    gone: Count = 0
    characters: dict[Text, Count] = field(default_factory=dict)
    read: Counts = field(default_factory=Counts)
    unsupported_kinds: dict[Text, Count] = field(default_factory=dict)
    far_characters: list[_Far] = field(default_factory=list)
    far_character_count: Count = 0
    threshold: Distance = 0
    strangers_named: Share | None = None
    known_missed: Share | None = None
    confidence: Share | None = None
