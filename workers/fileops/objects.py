"""The same operations on the objects of a bucket: COPY, RENAME, REMOVE, ADOPT.

A copy says of itself which sha256 it was written with, so one request tells whether it is still what was placed:
whoever writes another object in its place writes one that does not say so. Nothing is overwritten: an object is
written where there is none, and deleted while it is the one that was looked at. The server checks both conditions.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator

from store.errors import StoreError
from store.file_operation import Action, Operation
from store.journal import Journal
from store.location import ObjectPath, ObjectStat, storage_of
from workers.archive_file import BROKEN_ARCHIVE, find_member, open_archive
from workers.fileops.operation import FileOperation, OperationFailed, TargetExists

__all__ = ["ObjectOperation", "Objects", "object_operation"]


class Objects:
    """The objects of an output, while its journal is held. All raise StoreError where the storage does not answer."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def look(self, path: bytes) -> ObjectStat | None:
        """What stands there, None for nothing."""
        with self._storage():
            return ObjectPath(path).stat()

    def holds(self, path: bytes, digest: bytes) -> bool:
        """Whether a copy that was written with this digest stands there."""
        found = self.look(path)
        return found is not None and found.digest == digest

    def read(self, path: bytes, digest: bytes) -> bytes:
        """The content of a copy.

        Raises:
            OperationFailed: It is no longer what was placed.
        """
        with self._storage():
            try:
                content = _read_all(path)
            except FileNotFoundError:
                content = b""
        if hashlib.sha256(content).digest() != digest:
            raise OperationFailed(f"{os.fsdecode(path)} was changed; it stays")
        return content

    def write(self, path: bytes, content: bytes, digest: bytes) -> None:
        """Write a copy where there is nothing.

        Raises:
            TargetExists: Something stands there.
        """
        self._journal.check()
        with self._storage():
            if ObjectPath(path).stat() is None:
                with contextlib.suppress(FileExistsError):
                    ObjectPath(path).write(content, new=True, digest=digest)
                    return
                # A request that is repeated because its answer was lost finds its own object.
                if self.holds(path, digest):
                    return
        raise TargetExists(f"{os.fsdecode(path)} is taken by something else")

    def delete(self, path: bytes, digest: bytes) -> None:
        """Delete a copy.

        Raises:
            OperationFailed: It is no longer what was placed.
        """
        self._journal.check()
        with self._storage():
            found = ObjectPath(path).stat()
            if found is not None and found.digest == digest:
                with contextlib.suppress(FileExistsError):
                    ObjectPath(path).delete(found.tag)
                    return
        raise OperationFailed(f"{os.fsdecode(path)} was changed; it stays")

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """A storage that does not answer is no fault of one picture: the pass stops, and goes on another time."""
        try:
            yield
        except OSError as error:
            output = self._journal.folder.parent
            raise StoreError(f"cannot write the output {output}: {error.strerror or error}") from error


class ObjectOperation(FileOperation):
    """One operation on an object.

    Whatever a killed process has still under way when its operation is recovered comes too late, and is refused.
    """

    def __init__(self, op: Operation, objects: Objects) -> None:
        super().__init__(op)
        self.objects = objects

    def recover(self) -> Operation | None:
        """Do it to its end; None if that fails, then it did not happen."""
        try:
            return self.apply()
        except (TargetExists, OperationFailed):
            return None


class _ObjectCopy(ObjectOperation):
    """Write the original's bytes; they are in memory meanwhile."""

    def apply(self) -> Operation:
        self.objects.write(self.op.target, _original(self.op), self.op.digest)
        return self.op

    def recover(self) -> Operation | None:
        """It happened if the target is the copy."""
        return self.op if self.objects.holds(self.op.target, self.op.digest) else super().recover()

    def undo(self) -> None:
        """Delete the copy, if the original has the same bytes; it may be gone already."""
        if self.objects.look(self.op.target) is not None:
            self.delete()

    def delete(self) -> None:
        """Delete the copy, if the original has the same bytes.

        Raises:
            OperationFailed: It is the last copy, or was changed; it stays.
        """
        try:
            _original(self.op)
        except OperationFailed as error:
            raise OperationFailed(f"{os.fsdecode(self.op.target)} may be the last copy; it stays: {error}") from error
        self.objects.delete(self.op.target, self.op.digest)


class _ObjectRename(ObjectOperation):
    """Write the copy under its new name, then delete the old one."""

    def apply(self) -> Operation:
        op = self.op
        self.objects.write(op.target, self.objects.read(op.source, op.digest), op.digest)
        self._delete_old(op.source)
        return op

    def recover(self) -> Operation | None:
        """It happened if the target is the copy; the old name goes."""
        if not self.objects.holds(self.op.target, self.op.digest):
            return super().recover()
        self._delete_old(self.op.source)
        return self.op

    def undo(self) -> None:
        """Write the old name again, then delete the new one."""
        op = self.op
        if self.objects.look(op.target) is not None:
            if not self.objects.holds(op.source, op.digest):
                self.objects.write(op.source, self.objects.read(op.target, op.digest), op.digest)
            self._delete_old(op.target)
        elif self.objects.look(op.source) is None:
            raise OperationFailed(f"{os.fsdecode(op.target)} is gone; it was moved or deleted by someone else")

    def _delete_old(self, path: bytes) -> None:
        """Delete the name that was given up; what a person has put there instead stays."""
        with contextlib.suppress(OperationFailed):
            self.objects.delete(path, self.op.digest)


class _ObjectRemove(ObjectOperation):
    """Delete a copy whose bytes stand elsewhere."""

    def apply(self) -> Operation:
        _ObjectCopy(self.op, self.objects).delete()
        return self.op

    def recover(self) -> Operation | None:
        """It happened if the target is gone."""
        return self.op if self.objects.look(self.op.target) is None else super().recover()

    def undo(self) -> None:
        if self.objects.look(self.op.target) is None:
            _ObjectCopy(self.op, self.objects).apply()


class _ObjectAdopt(ObjectOperation):
    """Let a copy stand where it stands; the journal alone learns its original's new name."""

    def apply(self) -> Operation:
        return self.op

    def undo(self) -> None:
        """Nothing: the original has its new name still."""


_CLASSES: dict[Action, type[ObjectOperation]] = {
    Action.COPY: _ObjectCopy,
    Action.RENAME: _ObjectRename,
    Action.REMOVE: _ObjectRemove,
    Action.ADOPT: _ObjectAdopt,
}


def object_operation(op: Operation, objects: Objects) -> ObjectOperation:
    """The class that does an operation.

    Raises:
        OperationFailed: Object storage has no such operation; the journal was changed by others.
    """
    if op.action not in _CLASSES:
        raise OperationFailed(f"{os.fsdecode(op.target)}: object storage has no {op.action}")
    return _CLASSES[op.action](op, objects)


def _original(op: Operation) -> bytes:
    """What a copy is made from, as it was when it was read.

    Raises:
        OperationFailed: It is not there, or has changed since.
        StoreError: The storage in which it lies does not answer.
    """
    source = os.fsdecode(op.source)
    try:
        content = _read_member(op) if op.image.member and op.source == op.image.path else _read_all(op.source)
    except BROKEN_ARCHIVE as error:
        raise OperationFailed(f"{source} has changed since it was read: {error}") from error
    except OSError as error:
        if storage_of(op.source).is_outage(error):
            raise StoreError(f"cannot read {source}: {error.strerror or error}") from error
        raise OperationFailed(f"{source}: {error.strerror or error}") from error
    if hashlib.sha256(content).digest() != op.digest:
        raise OperationFailed(f"{source} has changed since it was read")
    return content


def _read_member(op: Operation) -> bytes:
    with open_archive(op.source) as archive:
        return archive.read(find_member(archive, op.image.member))


def _read_all(path: bytes) -> bytes:
    with storage_of(path).open(path) as file:
        return file.read()
