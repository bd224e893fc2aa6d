"""COPY: a file of its own with the bytes of an original, or of a member of an archive file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time

from store.durability import sync_file
from store.file_operation import Operation
from store.location import storage_of
from store.rename_no_replace import rename_no_replace
from workers.archive_file import BROKEN_ARCHIVE, find_member, open_archive
from workers.fileops.operation import OperationFailed, PlacedFile
from workers.fileops.primitives import digest_or_none, file_digest, temporary_name, unlink

__all__ = ["Copy", "member_digest"]


class Copy(PlacedFile):
    """Write a temporary file, make it durable, compare it with what was read, then give it its name.

    The copy has the times and permissions of the original; a member has the time that its archive file tells.
    """

    def __init__(self, op: Operation, *, keep_owner: bool = False) -> None:
        """Copy; with `keep_owner` (a move to another file system) the copy belongs to whom the original belongs."""
        super().__init__(op)
        self._keep_owner = keep_owner

    def apply(self) -> Operation:
        temporary = temporary_name(self.op.target, self.op.id)
        try:
            self.write(temporary)
            sync_file(temporary)
            self.publish(temporary)
        finally:
            unlink(temporary)
        return self.op

    def write(self, temporary: bytes) -> None:
        """Write the bytes to a new file; they are neither durable nor checked yet.

        Raises:
            OperationFailed: The archive file has changed.
        """
        unlink(temporary)  # left by a crash, it may be a second name of a picture: nothing must be written into it
        if self.op.image.member:
            self._extract(temporary)
        else:
            self._duplicate(temporary)

    def publish(self, temporary: bytes) -> None:
        """Give a durable copy its name, if it has the bytes that were read; it may keep the temporary name too.

        Raises:
            FileExistsError: Something stands at the target.
            OperationFailed: The original has changed since it was read.
        """
        if file_digest(temporary) != self.op.digest:
            raise self._changed()
        rename_no_replace(temporary, self.op.target)

    def stands_already(self) -> bool:
        """Whether the target is a file with the same bytes."""
        return digest_or_none(self.op.target) == self.op.digest

    def original_stands(self) -> bool:
        """Whether the original, or the member, has the same bytes still."""
        op = self.op
        if storage_of(op.source).real(os.fsdecode(op.source)) == os.path.realpath(os.fsdecode(op.target)):
            return False  # the original's path is only a link to the target
        try:
            return (member_digest(op) if op.image.member else file_digest(op.source)) == op.digest
        except OSError:
            return False

    def _duplicate(self, temporary: bytes) -> None:
        source = self.op.source
        storage = storage_of(source)
        with storage.open(source) as original, open(temporary, "xb") as file:
            shutil.copyfileobj(original, file)
        storage.copy_metadata(source, temporary, owner=self._keep_owner)

    def _extract(self, temporary: bytes) -> None:
        try:
            with open_archive(self.op.source) as archive:
                info = find_member(archive, self.op.image.member)
                with archive.open(info) as member, open(temporary, "xb") as file:
                    shutil.copyfileobj(member, file)
        except BROKEN_ARCHIVE as error:
            raise self._changed(f": {error}") from error
        with contextlib.suppress(ValueError, OverflowError):  # a date that no clock has shown
            written_s = time.mktime((*info.date_time, 0, 0, -1))
            os.utime(temporary, (written_s, written_s))

    def _changed(self, why: str = "") -> OperationFailed:
        return OperationFailed(f"{os.fsdecode(self.op.source)} has changed since it was read{why}")


def member_digest(op: Operation) -> bytes | None:
    """sha256 of the member that an operation places, None where its archive file cannot be read."""
    try:
        with open_archive(op.source) as archive, archive.open(find_member(archive, op.image.member)) as member:
            return hashlib.file_digest(member, "sha256").digest()  # type: ignore[arg-type]
    except BROKEN_ARCHIVE:
        return None
