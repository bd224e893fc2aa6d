"""Take one file operation back: the other half of undo."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from store.file_operation import Action, Operation
from workers.copy_and_rename import (
    OperationFailed,
    TargetExists,
    rename_no_replace,
    temporary_name,
    unlink,
    unlink_source,
)
from workers.digests import same_bytes
from workers.file_operations import apply, stands_already, unlink_spare

__all__ = ["undo"]


def undo(op: Operation) -> None:
    """Take an operation back; nothing to do where that has happened already.

    Raises:
        OperationFailed: It cannot be taken back without losing something; what is there stays.
    """
    try:
        if op.action is Action.FOLDER:
            _remove_folder(op.target)
        elif op.action in (Action.RENAME, Action.MOVE):
            _reverse_shift(op)
        elif op.action is Action.REMOVE:
            _reverse_remove(op)
        else:
            _reverse_placing(op)
    except TargetExists as error:
        raise OperationFailed(f"{os.fsdecode(op.target)} is taken by something else") from error
    except OSError as error:
        raise OperationFailed(f"{os.fsdecode(op.target)}: {error.strerror or error}") from error


def _remove_folder(path: bytes) -> None:
    try:
        os.rmdir(path)
    except OSError as error:
        # A folder that someone uses now is not ours to take away, and one that is gone needs no taking.
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}:
            raise


def _reverse_shift(op: Operation) -> None:
    if not os.path.lexists(op.target):
        if os.path.lexists(op.source):
            return
        raise OperationFailed(f"{os.fsdecode(op.target)} is gone; it was moved or deleted by someone else")
    os.makedirs(os.path.dirname(op.source), exist_ok=True)
    unlink(temporary_name(op.source, op.id))
    try:
        rename_no_replace(op.target, op.source, op.id)
    except FileExistsError:
        if not same_bytes(op.target, op.source):
            raise OperationFailed(f"{os.fsdecode(op.source)} is taken; {os.fsdecode(op.target)} stays") from None
        unlink_source(op.target, op.source, os.lstat(op.target))


def _reverse_remove(op: Operation) -> None:
    if not os.path.lexists(op.target):
        os.makedirs(os.path.dirname(op.target), exist_ok=True)
        apply(replace(op, action=Action.HARDLINK if op.placed is Action.MOVE else op.placed or Action.COPY))


def _reverse_placing(op: Operation) -> None:
    if not os.path.lexists(op.target):
        return
    if op.action is Action.HARDLINK and not stands_already(op):
        # Linked to another placement, taken away and given back since, it is a link of the original: as good as a copy.
        op = replace(op, action=Action.COPY)
    unlink_spare(op)
