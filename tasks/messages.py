"""The messages of the queue: small, frozen, versioned, JSON only. Paths and vectors never travel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from store.run import valid_run_id
from store.study import valid_study, valid_trial
from tasks.errors import BadMessage

__all__ = ["AssignMessage", "EmbedMessage", "ReduceMessage", "TrainMessage", "decode_message"]

_PartName = Annotated[str, Field(pattern=r"^(archive|passes/[0-9]{1,6}/references)$")]


def _checked(valid: Callable[[str], bool], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not valid(text):
            raise ValueError(f"not the form of a {what}")
        return text

    return AfterValidator(check)


_RunId = Annotated[str, _checked(valid_run_id, "run")]
_Study = Annotated[str, _checked(valid_study, "study")]
_Trial = Annotated[str, _checked(valid_trial, "trial")]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class EmbedMessage(_Message):
    """Embed one chunk.

    Attributes:
        run: The run.
        number: The pass that waits for the chunk.
        part: Which listing of the run: `archive`, or `passes/<number>/references`.
        chunk: The number of the chunk in that listing.
    """

    version: Literal[1] = 1
    run: _RunId
    number: Annotated[int, Field(ge=1)]
    part: _PartName
    chunk: Annotated[int, Field(ge=0)]

    @property
    def what(self) -> str:
        """The chunk for a person to read: `chunk 17`, or `references 0`."""
        return f"{'chunk' if self.part == 'archive' else 'references'} {self.chunk}"


class ReduceMessage(_Message):
    """Reduce one pass of a run.

    Attributes:
        run: The run.
        number: The pass.
    """

    version: Literal[1] = 1
    run: _RunId
    number: Annotated[int, Field(ge=1)]


class AssignMessage(_Message):
    """Assign one part of a run, for the reducer of a pass.

    Attributes:
        run: The run.
        number: The pass.
        part: Which part, from 0.
        parts: Of how many.
    """

    version: Literal[1] = 1
    run: _RunId
    number: Annotated[int, Field(ge=1)]
    part: Annotated[int, Field(ge=0)]
    parts: Annotated[int, Field(ge=1)]

    @property
    def what(self) -> str:
        """The part for a person to read: `part 3 of 8`."""
        return f"part {self.part + 1} of {self.parts}"


class TrainMessage(_Message):
    """Train one trial of a study, for a while; its configuration and its checkpoints are in the store.

    Attributes:
        study: The study.
        trial: The trial's name, made of the values that it tries.
    """

    version: Literal[1] = 1
    study: _Study
    trial: _Trial

    @property
    def what(self) -> str:
        """The trial for a person to read."""
        return f"study {self.study} trial {self.trial}"


M = TypeVar("M", EmbedMessage, ReduceMessage, AssignMessage, TrainMessage)


def decode_message(kind: type[M], fields: dict[str, Any]) -> M:
    """Check a message's fields.

    Raises:
        BadMessage: The version is unknown, or a field is missing, too many, or of the wrong form.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadMessage(f"{kind.__name__} refused: {where}: {first['msg']}") from error
