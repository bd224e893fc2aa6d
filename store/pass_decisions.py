"""The decisions of a person that a pass works with, stored once with the pass, so that all machines decide alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

from pydantic import Field

from store.fields import KNOWN_ALONE, Count, Text
from store.user_decision import UserDecision

__all__ = ["ByHand", "DecidedVector", "PassDecisions"]

_Shard = Annotated[str, Field(strict=True, pattern="^([0-9a-f]{16})?$")]


@dataclass(frozen=True)
class DecidedVector:
    """What a row of the pass's shard of decided pictures stands for.

    Attributes:
        character: The character.
        rejected: Whether the picture does not show it.
    """

    __pydantic_config__ = KNOWN_ALONE

    character: Text
    rejected: bool = False


@dataclass(frozen=True)
class ByHand:
    """What a pass understood from the output; numbers of pictures.

    Attributes:
        moved: Moved to another folder, or put into one.
        taken_out: Taken out or deleted.
        edited: Saved with other bytes; earlier decisions count for these too.
        confirmed: Confirmed so.
        rejected: Rejected so.
        characters: New characters, by folders that a person made.
        renamed: New names of characters, by folders that a person renamed; by old names.
        not_understood: Why nothing, or not all, was understood; empty otherwise.
    """

    __pydantic_config__ = KNOWN_ALONE

    moved: Count = 0
    taken_out: Count = 0
    edited: Count = 0
    confirmed: Count = 0
    rejected: Count = 0
    characters: list[Text] = field(default_factory=list)
    renamed: dict[Text, Text] = field(default_factory=dict)
    not_understood: Text = ""


@dataclass(frozen=True)
class PassDecisions:
    """The decisions.

    Attributes:
        decisions: Those that count, the oldest first.
        shard: Name of the pass's shard of decided pictures; empty for none.
        vectors: What its rows stand for.
        unread: Confirmed pictures that no run has read: they are no references.
        by_hand: What was understood from the output.
    """

    __pydantic_config__ = KNOWN_ALONE

    decisions: list[UserDecision] = field(default_factory=list)
    shard: _Shard = ""
    vectors: list[DecidedVector] = field(default_factory=list)
    unread: Count = 0
    by_hand: ByHand = field(default_factory=ByHand)

    def fields(self) -> dict[str, object]:
        """As JSON fields."""
        return asdict(self)
