"""An output in object storage: the operations of `objects`, many requests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from store.file_operation import Action, Operation
from store.journal import Journal
from store.object_storage import ObjectStat
from workers.fileops.objects import Objects, object_operation
from workers.fileops.operation import OperationFailed, TargetExists

__all__ = ["Bucket"]

_AT_ONCE = 8
"""Requests under way at a time; a copy under way is held in memory."""

T = TypeVar("T")
R = TypeVar("R")


class Bucket:
    """Applies, recovers and undoes operations below one prefix, while its journal is held."""

    has_folders = False

    def __init__(self, journal: Journal) -> None:
        self._objects = Objects(journal)
        self._seen: dict[bytes, ObjectStat | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Forget what `expect` has seen."""
        self._seen.clear()

    def expect(self, targets: Iterable[bytes]) -> None:
        """Look at names that will be asked for, several at once."""
        names = list(dict.fromkeys(targets))
        self._seen = dict(zip(names, self.map(self._objects.look, names), strict=True))

    def prepare(self, operations: Sequence[Operation]) -> None:
        """Do nothing: each object is durable when the server has taken it."""

    def exists(self, target: bytes) -> bool:
        """Whether there is such an object."""
        return self._look_once(target) is not None

    def stands_already(self, op: Operation) -> bool:
        """Whether the target is a copy that was placed with these bytes."""
        found = self._look_once(op.target)
        return op.action is Action.COPY and found is not None and found.digest == op.digest

    def apply(self, op: Operation) -> Operation:
        """Do one operation.

        Raises:
            TargetExists: Something stands at the target.
            OperationFailed: It cannot be done.
            StoreError: The storage does not answer; `recover` finds out whether it was done.
        """
        return object_operation(op, self._objects).apply()

    def recover(self, op: Operation) -> Operation | None:
        """Settle an operation whose process died: what was done, now complete, or None for nothing."""
        try:
            return object_operation(op, self._objects).recover()
        except OperationFailed:
            return None

    def undo(self, op: Operation) -> None:
        """Take an operation back; do nothing where that has happened already.

        Raises:
            OperationFailed: It cannot be taken back without losing something; what is there stays.
            StoreError: The storage does not answer.
        """
        try:
            object_operation(op, self._objects).undo()
        except TargetExists as error:
            raise OperationFailed(str(error)) from error

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Call a function for each, several at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(function, items)

    def sync(self, folders: Iterable[bytes]) -> None:
        """Do nothing: each object is durable when the server has taken it."""

    def _look_once(self, path: bytes) -> ObjectStat | None:
        return self._seen[path] if path in self._seen else self._objects.look(path)
