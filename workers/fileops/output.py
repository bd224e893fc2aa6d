"""Where pictures are placed: a folder, or a prefix in object storage. Each does the same operations in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self, TypeVar

from store.file_operation import Operation

__all__ = ["Output"]

T = TypeVar("T")
R = TypeVar("R")


class Output(ABC):
    """Does operations; each happens whole or not at all, and none replaces anything."""

    has_folders: bool
    """Whether folders are made before anything stands in them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:  # noqa: B027 - nothing to do is an answer, here and below
        """Let go of what is held for a batch."""

    def expect(self, targets: Iterable[bytes]) -> None:  # noqa: B027
        """Prepare to be asked for these names; those far away are looked at together."""

    def prepare(self, operations: Sequence[Operation]) -> None:  # noqa: B027
        """Prepare to apply these operations before the next `release`."""

    @abstractmethod
    def exists(self, target: bytes) -> bool:
        """Whether anything bears a name, a broken link too."""

    @abstractmethod
    def stands_already(self, op: Operation) -> bool:
        """Whether the target is what a HARDLINK, SYMLINK or COPY of the original makes."""

    @abstractmethod
    def apply(self, op: Operation) -> Operation:
        """Do an operation; return what was really done.

        Raises:
            TargetExists: Something stands at the target.
            OperationFailed: It cannot be done, or would lead out of the output.
            StoreError: The storage does not answer; `recover` finds out whether it was done.
        """

    @abstractmethod
    def recover(self, op: Operation) -> Operation | None:
        """Settle an operation whose process died: what was done, now complete, or None for nothing.

        Raises:
            Unsettled, StoreError: Nobody can tell now whether it happened.
        """

    @abstractmethod
    def undo(self, op: Operation) -> None:
        """Take an operation back; do nothing where that has happened already.

        Raises:
            OperationFailed: It cannot be taken back without losing something, or would lead out of the output.
            StoreError: The storage does not answer.
        """

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Call a function for things that have nothing to do with one another, in as many threads as it pays."""
        return map(function, items)

    def sync(self, folders: Iterable[bytes]) -> None:  # noqa: B027
        """Make the names in these folders durable."""

    def remove_empty(self, folders: Iterable[bytes]) -> None:  # noqa: B027
        """Remove those of these folders that are empty."""
