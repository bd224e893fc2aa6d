"""A decision of a person about a picture, as it is stored: one JSON object a line."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from store.errors import DamagedStore
from store.fields import KNOWN_ALONE, Text, checked
from store.files import SCHEMA, check_schema
from store.location import Location

__all__ = ["DecisionKind", "Origin", "UserDecision", "read_lines", "to_lines"]

_MOST_BYTES = 1 << 16
"""Of a line."""


class DecisionKind(StrEnum):
    """What a person says.

    CONFIRMED: the picture shows the character. REJECTED: it does not. IGNORED: nobody is to ask about the picture
    again. RENAMED: the character has another name from now on. WITHDRAWN: an earlier decision does not count any more.
    """

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    IGNORED = "ignored"
    RENAMED = "renamed"
    WITHDRAWN = "withdrawn"


class Origin(StrEnum):
    """How a person said it: a command, a page in a browser, a file moved or edited in the output."""

    COMMAND = "command"
    PAGE = "page"
    HAND = "hand"
    EDITED = "edited"


_Digest = Annotated[str, Field(strict=True, pattern="^([0-9a-f]{64})?$")]
_Id = Annotated[str, Field(strict=True, pattern="^([0-9a-f]{16})?$")]
_Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class UserDecision:
    """One decision.

    Attributes:
        kind: What is said.
        digest: sha256 of the picture's bytes, hexadecimal; empty for RENAMED and WITHDRAWN.
        character: The character; empty for IGNORED and WITHDRAWN. For RENAMED its name so far.
        head: Left, top, right and bottom of the head that is meant, as fractions of the picture, 0..1; empty for the
            whole picture.
        time_s: Seconds since the epoch.
        origin: How it was said.
        file: Where the picture was then, for a person to read.
        folder: For what was understood from a folder: its path below the output, as the file system has it.
        name: For RENAMED, the new name.
        withdraws: For WITHDRAWN, the id of the decision that counts no more.
        id: Unique.
    """

    __pydantic_config__ = KNOWN_ALONE

    kind: DecisionKind
    digest: _Digest = ""
    character: Text = ""
    head: Annotated[list[_Fraction], Field(max_length=4)] = field(default_factory=list)
    time_s: Annotated[float, Field(ge=0, lt=1e11)] = 0.0
    origin: Origin = Origin.COMMAND
    file: Text = ""
    folder: Text = ""
    name: Text = ""
    withdraws: _Id = ""
    id: _Id = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        needs = {
            DecisionKind.CONFIRMED: self.digest and self.character,
            DecisionKind.REJECTED: self.digest and self.character,
            DecisionKind.IGNORED: self.digest,
            DecisionKind.RENAMED: self.character and self.name,
            DecisionKind.WITHDRAWN: self.withdraws,
        }
        (self.character + self.name).encode()  # text of a folder's name that is none cannot be a column of a report
        if not needs[DecisionKind(self.kind)] or len(self.head) not in (0, 4):
            raise ValueError(f"an incomplete decision of kind {self.kind}")


def to_lines(decisions: Iterable[UserDecision]) -> str:
    """Decisions as JSON lines, in ASCII. Fields that say nothing are left out."""
    lines = []
    for decision in decisions:
        fields = {name: value for name, value in asdict(decision).items() if value not in ("", [])}
        lines.append(json.dumps({"schema": SCHEMA, **fields}) + "\n")
    return "".join(lines)


def read_lines(lines: Iterable[str], path: Location) -> Iterator[UserDecision]:
    """Read what `to_lines` wrote.

    Raises:
        DamagedStore: A line is no decision; the message names file, line and cause.
        NewerSchema: A newer program wrote it.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line) if len(line) <= _MOST_BYTES else None
        except (ValueError, RecursionError) as error:
            raise DamagedStore(f"{path}: line {number}: {error}") from error
        if not isinstance(value, dict) or type(value.get("schema")) is not int:
            raise DamagedStore(f"{path}: line {number}: not a decision")
        check_schema(value.pop("schema"), path)
        try:
            yield checked(value, UserDecision, path)
        except DamagedStore as error:
            raise DamagedStore(f"{path}: line {number}: {str(error).removeprefix(f'{path}: ')}") from None
