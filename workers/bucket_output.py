"""Copies in object storage: placed, moved on and taken away, as files in a folder are (`workers.file_operations`).

A copy says of itself which sha256 it was written with. So one look at an object tells whether it is still what was
placed: whoever writes another in its place writes one that does not say so. Nothing is overwritten: an object is put
where there is none, and taken away while it is the one that was looked at, both as a condition that the server checks.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

from store.errors import StoreError
from store.file_operation import Action, Operation
from store.journal import Journal
from store.object_storage import ObjectStat, delete_object, is_remote, stat_object, write_object
from workers.copy_and_rename import OperationFailed, TargetExists
from workers.safe_open import BROKEN_ARCHIVE, find_member, open_archive, open_regular

__all__ = ["Bucket"]

_AT_ONCE = 8
"""Requests under way at a time; a copy under way is held in memory."""

_GONE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST, errno.EINVAL, errno.ENOTDIR}
"""What is wrong with one original; other errors of a storage are those of the storage."""

T = TypeVar("T")
R = TypeVar("R")


class Bucket:
    """Does and reverses operations below one prefix, while its journal is held."""

    has_folders = False

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._where = journal.folder.parent
        self._seen: dict[bytes, ObjectStat | None] = {}

    def __enter__(self) -> Bucket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Forget what was seen."""
        self._seen.clear()

    def expect(self, targets: Iterable[bytes]) -> None:
        """Look at names that will be asked for, several at once."""
        names = list(dict.fromkeys(targets))
        self._seen = dict(zip(names, self.map(self._look, names), strict=True))

    def prepare(self, operations: Sequence[Operation]) -> None:
        """Nothing to do: what a server has taken is durable, one by one."""

    def exists(self, target: bytes) -> bool:
        """Whether there is such an object."""
        return self._look_once(target) is not None

    def stands_already(self, op: Operation) -> bool:
        """Whether the target is a copy that was placed with these bytes."""
        seen = self._look_once(op.target)
        return op.action is Action.COPY and seen is not None and seen.digest == op.digest

    def apply(self, op: Operation) -> Operation:
        """Do one operation.

        Raises:
            TargetExists: Something stands at the target.
            OperationFailed: It cannot be done.
            StoreError: The storage does not answer; whether it was done is found out by `recover`.
        """
        if op.action is Action.REMOVE:
            self._take_away(op)
        elif op.action is Action.RENAME:
            self._put(op, self._placed(op.source, op.digest))
            self._let_go(op.source, op.digest)
        else:
            self._put(op, _original(op))
        return op

    def recover(self, op: Operation) -> Operation | None:
        """Carry an operation to its end whose process died; None if that cannot be done, then it did not happen.

        Whatever that process has still under way comes too late then, and is refused.
        """
        if op.action is Action.REMOVE and self._look(op.target) is None:
            return op
        if op.action is not Action.REMOVE and self._is_ours(op.target, op.digest):
            if op.action is Action.RENAME:
                self._let_go(op.source, op.digest)
            return op
        try:
            return self.apply(op)
        except (TargetExists, OperationFailed):
            return None

    def undo(self, op: Operation) -> None:
        """Take an operation back; nothing to do where that has happened already.

        Raises:
            OperationFailed: It cannot be taken back without losing something; what is there stays.
            StoreError: The storage does not answer.
        """
        there = self._look(op.target) is not None
        try:
            if op.action is Action.RENAME:
                self._reverse_rename(op, there)
            elif op.action is Action.REMOVE and not there:
                self._put(op, _original(op))
            elif op.action is Action.COPY and there:
                self._take_away(op)
        except TargetExists as error:
            raise OperationFailed(f"{_text(op.target)} is taken by something else") from error

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Call a function for each, several at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(function, items)

    def sync(self, folders: Iterable[bytes]) -> None:
        """Nothing to do: what a server has taken is durable."""

    def _put(self, op: Operation, content: bytes) -> None:
        """Put a copy where there is nothing."""
        self._journal.check()
        with self._storage():
            if stat_object(op.target) is None:
                with contextlib.suppress(FileExistsError):
                    write_object(op.target, content, new=True, digest=op.digest)
                    return
                # Sent twice, because the first answer was lost, it finds itself.
                if self._is_ours(op.target, op.digest):
                    return
        raise TargetExists(f"{_text(op.target)} is taken by something else")

    def _drop(self, path: bytes, digest: bytes) -> None:
        """Take a copy away if it is still what was placed."""
        self._journal.check()
        with self._storage():
            seen = stat_object(path)
            if seen is not None and seen.digest == digest:
                with contextlib.suppress(FileExistsError):
                    delete_object(path, seen.tag)
                    return
        raise OperationFailed(f"{_text(path)} was changed; it stays")

    def _let_go(self, path: bytes, digest: bytes) -> None:
        """Take the old name of a copy away; what a person has put there instead stays."""
        with contextlib.suppress(OperationFailed):
            self._drop(path, digest)

    def _take_away(self, op: Operation) -> None:
        """Take a copy away whose bytes stand elsewhere."""
        try:
            _original(op)
        except OperationFailed as error:
            raise OperationFailed(f"{_text(op.target)} may be the last copy; it stays: {error}") from error
        self._drop(op.target, op.digest)

    def _reverse_rename(self, op: Operation, there: bool) -> None:
        if there:
            if not self._is_ours(op.source, op.digest):
                back = replace(op, source=op.target, target=op.source)
                self._put(back, self._placed(op.target, op.digest))
            self._let_go(op.target, op.digest)
        elif self._look(op.source) is None:
            raise OperationFailed(f"{_text(op.target)} is gone; it was moved or deleted by someone else")

    def _placed(self, path: bytes, digest: bytes) -> bytes:
        """The content of a copy, if it is still what was placed."""
        with self._storage():
            try:
                content = _whole(path)
            except FileNotFoundError:
                content = b""
        if hashlib.sha256(content).digest() != digest:
            raise OperationFailed(f"{_text(path)} was changed; it stays")
        return content

    def _is_ours(self, path: bytes, digest: bytes) -> bool:
        seen = self._look(path)
        return seen is not None and seen.digest == digest

    def _look_once(self, path: bytes) -> ObjectStat | None:
        return self._seen[path] if path in self._seen else self._look(path)

    def _look(self, path: bytes) -> ObjectStat | None:
        with self._storage():
            return stat_object(path)

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """A storage that does not answer is no fault of one picture: the pass stops, and goes on another time."""
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot write the output {self._where}: {error.strerror or error}") from error


def _original(op: Operation) -> bytes:
    """What a copy is made from, as it was when it was read.

    Raises:
        OperationFailed: It is not there, or has changed since.
        StoreError: The storage in which it lies does not answer.
    """
    try:
        content = _member(op) if op.image.member and op.source == op.image.path else _whole(op.source)
    except BROKEN_ARCHIVE as error:
        raise OperationFailed(f"{_text(op.source)} has changed since it was read: {error}") from error
    except OSError as error:
        if is_remote(op.source) and error.errno not in _GONE:
            raise StoreError(f"cannot read {_text(op.source)}: {error.strerror or error}") from error
        raise OperationFailed(f"{_text(op.source)}: {error.strerror or error}") from error
    if hashlib.sha256(content).digest() != op.digest:
        raise OperationFailed(f"{_text(op.source)} has changed since it was read")
    return content


def _member(op: Operation) -> bytes:
    with open_archive(op.source) as archive:
        return archive.read(find_member(archive, op.image.member))


def _whole(path: bytes) -> bytes:
    with open_regular(path) as file:
        return file.read()


def _text(path: bytes) -> str:
    return os.fsdecode(path)
