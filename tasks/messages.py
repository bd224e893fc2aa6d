"""The messages of the queue: small, frozen, versioned, JSON only. Paths and vectors never travel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from store.run_id import valid_run_id
from tasks.errors import BadMessage
from tasks.queue_names import QueueName

__all__ = ["MESSAGES", "AssignMessage", "EmbedMessage", "Message", "ReduceMessage", "RunMessage", "decode_message"]


_PartName = Annotated[str, Field(pattern=r"^(archive|passes/[0-9]{1,6}/references)$")]


def _checked(valid: Callable[[str], bool], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not valid(text):
            raise ValueError(f"not the form of a {what}")
        return text

    return AfterValidator(check)


_RunId = Annotated[str, _checked(valid_run_id, "run")]
_Number = Annotated[int, Field(ge=1, lt=1_000_000)]
_Chunk = Annotated[int, Field(ge=0, lt=1_000_000_000)]


class Message(BaseModel, ABC):
    """What all messages have in common.

    Attributes:
        task: The task that it starts.
        queue: The queue by which it travels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    task: ClassVar[str]
    queue: ClassVar[str]

    version: Literal[1] = 1

    @property
    @abstractmethod
    def shown(self) -> str:
        """What Flower shows of it."""


class RunMessage(Message):
    """A message about a run.

    Attributes:
        run: The run.
        number: The pass.
    """

    run: _RunId
    number: _Number

    @property
    @abstractmethod
    def what(self) -> str:
        """What it asks for, for a person to read. The ledger counts deliveries by this name."""


class EmbedMessage(RunMessage):
    """Embed one chunk.

    Attributes:
        run: The run.
        number: The pass that waits for the chunk.
        part: Which listing of the run: `archive`, or `passes/<number>/references`.
        chunk: The number of the chunk in that listing.
    """

    task: ClassVar[str] = "oshiwake.embed"
    queue: ClassVar[QueueName] = QueueName.EMBED

    part: _PartName
    chunk: _Chunk

    @property
    def what(self) -> str:
        """The chunk for a person to read: `chunk 17`, or `references 0`."""
        return f"{'chunk' if self.part == 'archive' else 'references'} {self.chunk}"

    @property
    def shown(self) -> str:
        """See `Message`."""
        return f"run {self.run} {self.what}"


class ReduceMessage(RunMessage):
    """Reduce one pass of a run.

    Attributes:
        run: The run.
        number: The pass.
    """

    task: ClassVar[str] = "oshiwake.reduce"
    queue: ClassVar[QueueName] = QueueName.REDUCE

    @property
    def what(self) -> str:
        """See `RunMessage`."""
        return "reduce"

    @property
    def shown(self) -> str:
        """See `Message`."""
        return f"run {self.run} pass {self.number}"


class AssignMessage(RunMessage):
    """Assign one part of a run, for the reducer of a pass.

    Attributes:
        run: The run.
        number: The pass.
        part: Which part, from 0.
        parts: Of how many.
    """

    task: ClassVar[str] = "oshiwake.assign"
    queue: ClassVar[QueueName] = QueueName.REDUCE

    part: _Chunk
    parts: Annotated[int, Field(ge=1, lt=1_000_000_000)]

    @property
    def what(self) -> str:
        """The part for a person to read: `part 3 of 8`."""
        return f"part {self.part + 1} of {self.parts}"

    @property
    def shown(self) -> str:
        """See `Message`."""
        return f"run {self.run} pass {self.number} {self.what}"


MESSAGES: Mapping[str, type[Message]] = {kind.task: kind for kind in (EmbedMessage, AssignMessage, ReduceMessage)}
"""The kinds of messages, by the task that they start."""

M = TypeVar("M", bound=Message)


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
