"""Operations on files: which class does an action, and errors that name the target."""

from __future__ import annotations

import os

from store.file_operation import Action, Operation
from workers.fileops.adopt import Adopt
from workers.fileops.copy import Copy
from workers.fileops.folder import Folder
from workers.fileops.link import HardLink, SymbolicLink
from workers.fileops.move import Move, Rename
from workers.fileops.operation import FileOperation, OperationFailed, TargetExists
from workers.fileops.primitives import temporary_name, unlink
from workers.fileops.remove import Remove

__all__ = ["apply", "recover", "stands_already", "undo"]

_CLASSES: dict[Action, type[FileOperation]] = {
    Action.HARDLINK: HardLink,
    Action.SYMLINK: SymbolicLink,
    Action.COPY: Copy,
    Action.MOVE: Move,
    Action.RENAME: Rename,
    Action.REMOVE: Remove,
    Action.FOLDER: Folder,
    Action.ADOPT: Adopt,
}


def apply(op: Operation) -> Operation:
    """Do one operation and return what was really done (a HARDLINK may have become a COPY).

    Raises:
        TargetExists: Something stands at the target.
        OperationFailed: It cannot be done.
    """
    try:
        return _CLASSES[op.action](op).apply()
    except FileExistsError as error:
        raise TargetExists(f"{os.fsdecode(op.target)} is taken by something else") from error
    except OSError as error:
        raise _failed(op, error) from error


def recover(op: Operation) -> Operation | None:
    """Settle an operation whose process died: what was done if it happened (now complete), None if it did not.

    Raises:
        OSError: A file cannot be reached, so nobody can tell.
    """
    unlink(temporary_name(op.target, op.id))
    return _CLASSES[op.action](op).recover()


def undo(op: Operation) -> None:
    """Take an operation back; do nothing where that has happened already.

    Raises:
        OperationFailed: It cannot be taken back without losing something; what is there stays.
    """
    try:
        _CLASSES[op.action](op).undo()
    except OSError as error:
        raise _failed(op, error) from error


def stands_already(op: Operation) -> bool:
    """Whether the target is what a HARDLINK, SYMLINK or COPY of the original makes; False for other actions."""
    return _CLASSES[op.action](op).stands_already()


def _failed(op: Operation, error: OSError) -> OperationFailed:
    return OperationFailed(f"{os.fsdecode(op.target)}: {error.strerror or error}")
