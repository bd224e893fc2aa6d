"""MOVE and RENAME: a file gets a new name and loses the old one, across file systems too.

MOVE brings an original into the output, RENAME brings a placed file to another folder of the output. Either makes the
new name first and removes the old one last, so a crash leaves both names and never none.
"""

from __future__ import annotations

import os
from dataclasses import replace

from store.file_operation import Action, Image, Operation
from workers.fileops.copy import Copy
from workers.fileops.link import HardLink, SymbolicLink
from workers.fileops.operation import FileOperation, OperationFailed
from workers.fileops.primitives import (
    NO_LINK,
    digest_or_none,
    file_digest,
    has_digest,
    same_bytes,
    status_of,
    temporary_name,
    unlink,
    unlink_source,
    unlink_source_or_roll_back,
)

__all__ = ["Move", "Rename"]


class _NewName(FileOperation):
    """What MOVE and RENAME have in common: undo."""

    def undo(self) -> None:
        """Move the target back to the source, and make the source's folder again where it is gone."""
        op = self.op
        if not os.path.lexists(op.target):
            if os.path.lexists(op.source):
                return
            raise OperationFailed(f"{os.fsdecode(op.target)} is gone; it was moved or deleted by someone else")
        os.makedirs(os.path.dirname(op.source), exist_ok=True)
        unlink(temporary_name(op.source, op.id))
        try:
            _move_no_replace(op.target, op.source, op.id)
        except FileExistsError:
            if not same_bytes(op.target, op.source):
                raise OperationFailed(f"{os.fsdecode(op.source)} is taken; {os.fsdecode(op.target)} stays") from None
            unlink_source(op.target, op.source, os.lstat(op.target))


class Move(_NewName):
    """Move an original, if it has the bytes that were read; an original that is a symbolic link is not moved."""

    def apply(self) -> Operation:
        """Link the original to its new name (or copy it to another file system), then remove the old name."""
        op = self.op
        before = os.lstat(op.source)
        if digest_or_none(op.source) != op.digest:
            raise OperationFailed(f"{os.fsdecode(op.source)} has changed since it was read; it stays where it is")
        try:
            os.link(op.source, op.target)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            Copy(op, keep_owner=True).apply()
        unlink_source_or_roll_back(op.source, op.target, before)
        return op

    def recover(self) -> Operation | None:
        """It happened if the target has the original's bytes; then the old name is removed if it has them too.

        A missing source proves nothing: something else may stand at the target.
        """
        op = self.op
        target, source = status_of(op.target), status_of(op.source)
        if not target:
            return None
        if not has_digest(op.target, op.digest):
            if source and os.path.samestat(source, target):
                os.unlink(op.target)  # linked, and edited since: it stays where it was, under that name alone
            return None
        if source and same_bytes(op.source, op.target):
            unlink_source(op.source, op.target, source)
        return op


class Rename(_NewName):
    """Move a placed file; a symbolic link is moved itself."""

    def apply(self) -> Operation:
        _move_no_replace(self.op.source, self.op.target, self.op.id)
        return self.op

    def recover(self) -> Operation | None:
        """It happened if both names have the same bytes, or the target alone shows the image; the old name goes."""
        op = self.op
        source = status_of(op.source)
        if not status_of(op.target):
            return None
        if not source:
            return op if self._target_shows_image() else None
        if not same_bytes(op.source, op.target):
            return None  # another one stands at the target
        unlink_source(op.source, op.target, source)
        return op

    def _target_shows_image(self) -> bool:
        """Whether the target is a link to the original or has its bytes."""
        placed = replace(self.op, source=self.op.image.path)
        linked = SymbolicLink(placed).stands_already() or HardLink(placed).stands_already()
        return linked or has_digest(self.op.target, self.op.digest)


def _move_no_replace(source: bytes, target: bytes, number: int) -> None:
    """Give a file another name without replacing anything, across file systems too.

    Raises:
        FileExistsError: Something stands at the target.
        OperationFailed: The copy to another file system has other bytes; the source stays.
    """
    before = os.lstat(source)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        else:
            op = Operation(Action.MOVE, Image(source), source, target, file_digest(source), id=number)
            Copy(op, keep_owner=True).apply()
    unlink_source_or_roll_back(source, target, before)
