"""An output in object storage: the operations of `objects`, many requests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from store.file_operation import Action, Operation
from store.journal import Journal
from store.location import ObjectStat
from workers.fileops.objects import Objects, object_operation
from workers.fileops.operation import OperationFailed, TargetExists
from workers.fileops.output import Output

__all__ = ["Bucket"]

_AT_ONCE = 8
"""Requests under way at a time; a copy under way is held in memory."""

T = TypeVar("T")
R = TypeVar("R")


class Bucket(Output):
    """Does operations below one prefix, while its journal is held; what a server has taken is durable."""

    has_folders = False

    def __init__(self, journal: Journal) -> None:
        self._objects = Objects(journal)
        self._seen: dict[bytes, ObjectStat | None] = {}

    def release(self) -> None:
        self._seen.clear()

    def expect(self, targets: Iterable[bytes]) -> None:
        names = list(dict.fromkeys(targets))
        self._seen = dict(zip(names, self.map(self._objects.look, names), strict=True))

    def exists(self, target: bytes) -> bool:
        return self._look_once(target) is not None

    def stands_already(self, op: Operation) -> bool:
        """Whether the target is a copy that was placed with these bytes."""
        found = self._look_once(op.target)
        return op.action is Action.COPY and found is not None and found.digest == op.digest

    def apply(self, op: Operation) -> Operation:
        return object_operation(op, self._objects).apply()

    def recover(self, op: Operation) -> Operation | None:
        try:
            return object_operation(op, self._objects).recover()
        except OperationFailed:
            return None

    def undo(self, op: Operation) -> None:
        try:
            object_operation(op, self._objects).undo()
        except TargetExists as error:
            raise OperationFailed(str(error)) from error

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(function, items)

    def _look_once(self, path: bytes) -> ObjectStat | None:
        return self._seen[path] if path in self._seen else self._objects.look(path)
