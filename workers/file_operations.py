"""One file operation: do it, or finish it after a crash.

The rules that keep a collector's only copy safe:
  - a target that exists is never replaced, also not when it appears at the last moment;
  - an original goes only by MOVE, and only after the target was read back and has the original's digest; a file that
    took its place meanwhile stays;
  - what is taken away is looked at first: a file that a person changed, or the last name of a picture, stays.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from store.file_operation import Action, Operation
from store.object_storage import is_remote
from workers.copy_and_rename import (
    NO_LINK,
    OperationFailed,
    TargetExists,
    copy,
    rename_no_replace,
    temporary_name,
    unchanged,
    unlink,
    unlink_source,
    unlink_source_or_roll_back,
)
from workers.digests import digest_or_none, file_digest, member_digest, same_bytes

__all__ = ["apply", "recover", "stands_already", "unlink_spare"]


def apply(op: Operation) -> Operation:
    """Do one operation and return what was really done (a HARDLINK may have become a COPY).

    Raises:
        TargetExists: Something stands at the target.
        OperationFailed: It cannot be done.
    """
    try:
        return _DO[op.action](op)
    except FileExistsError as error:
        raise TargetExists(f"{os.fsdecode(op.target)} is taken by something else") from error
    except OSError as error:
        raise OperationFailed(f"{os.fsdecode(op.target)}: {error.strerror or error}") from error


def _hardlink(op: Operation) -> Operation:
    if is_remote(op.source):
        return copy(replace(op, action=Action.COPY))
    try:
        # Not the link itself where the original is one.
        os.link(os.path.realpath(op.source) if os.path.islink(op.source) else op.source, op.target)
        return op
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        return copy(replace(op, action=Action.COPY))


def _symlink(op: Operation) -> Operation:
    os.symlink(op.source, op.target)
    return op


def _move(op: Operation) -> Operation:
    """Link the original to its new name (or copy it to another file system), read it back, then let the old name go."""
    before = os.lstat(op.source)
    if digest_or_none(op.source) != op.digest:
        raise OperationFailed(f"{os.fsdecode(op.source)} has changed since it was read; it stays where it is")
    try:
        os.link(op.source, op.target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        copy(op)
    unlink_source_or_roll_back(op.source, op.target, before)
    return op


def _rename(op: Operation) -> Operation:
    rename_no_replace(op.source, op.target, op.id)
    return op


def _remove(op: Operation) -> Operation:
    """Take away what this program had placed, if it is still that and its bytes stand elsewhere."""
    action = op.placed or Action.COPY
    if action is Action.MOVE:
        # It stands under another name too: as a link, or as a copy where links cannot be made.
        action = Action.HARDLINK if stands_already(replace(op, action=Action.HARDLINK)) else Action.COPY
    unlink_spare(replace(op, action=action))
    return op


def _folder(op: Operation) -> Operation:
    try:
        os.mkdir(op.target)
    except FileExistsError:
        # lstat: a symbolic link that someone put here must not lead our files elsewhere.
        if not stat.S_ISDIR(os.lstat(op.target).st_mode):
            raise
    return op


_DO = {
    Action.HARDLINK: _hardlink,
    Action.SYMLINK: _symlink,
    Action.COPY: copy,
    Action.MOVE: _move,
    Action.RENAME: _rename,
    Action.REMOVE: _remove,
    Action.FOLDER: _folder,
}


def recover(op: Operation) -> Operation | None:
    """Settle an operation whose process died: what was done if it happened (now whole), None if it did not.

    Raises:
        OSError: A file cannot be reached, so nobody can tell.
    """
    unlink(temporary_name(op.target, op.id))
    if op.action is Action.FOLDER:
        return op if os.path.isdir(op.target) and not os.path.islink(op.target) else None
    if op.action is Action.REMOVE:
        return None if _there(op.target) else op
    if not _there(op.target):
        return None
    if op.action is Action.MOVE:
        return _finish_move(op)
    if op.action is Action.RENAME:
        return _finish_rename(op)
    for action in (op.action, Action.COPY):
        if stands_already(replace(op, action=action)):
            return replace(op, action=action)
    return None


def _finish_move(op: Operation) -> Operation | None:
    """Settle a MOVE whose target exists: it happened if the target has the original's bytes.

    That the old name is gone says nothing. If it still means the same bytes, it goes now.
    """
    source = _there(op.source)
    if not _holds(op.target, op.digest):
        if source and os.path.samestat(source, os.lstat(op.target)):
            os.unlink(op.target)  # linked, and edited since: it stays where it was, under that name alone
        return None
    if source and same_bytes(op.source, op.target):
        unlink_source(op.source, op.target, source)
    return op


def _finish_rename(op: Operation) -> Operation | None:
    """Settle a RENAME whose target exists: the old name goes, if it means the same file or the same bytes."""
    source = _there(op.source)
    if not source:
        return op if _shows_image(op) else None
    if not same_bytes(op.source, op.target):
        return None  # another one stands at the target
    unlink_source(op.source, op.target, source)
    return op


def _there(path: bytes) -> os.stat_result | None:
    """What a name means, None where there is nothing.

    Raises:
        OSError: Nobody can tell.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _holds(path: bytes, digest: bytes) -> bool:
    """Whether a regular file has a digest.

    Raises:
        OSError: It cannot be read.
    """
    return stat.S_ISREG(os.lstat(path).st_mode) and file_digest(path) == digest


def _shows_image(op: Operation) -> bool:
    """Whether the target shows the image of an operation, as its bytes or as a link to the original."""
    links = (replace(op, action=action, source=op.image.path) for action in (Action.SYMLINK, Action.HARDLINK))
    return any(map(stands_already, links)) or _holds(op.target, op.digest)


def stands_already(op: Operation) -> bool:
    """Whether the target is what a HARDLINK, SYMLINK or COPY of the original makes."""
    if op.action is Action.SYMLINK:
        return os.path.islink(op.target) and os.readlink(op.target) == op.source
    try:
        status = os.lstat(op.target)
        if not stat.S_ISREG(status.st_mode):
            return False
        if op.action is Action.HARDLINK and not op.image.member:
            return os.path.samestat(status, os.stat(op.source))
    except OSError:
        return False
    return op.action is Action.COPY and digest_or_none(op.target) == op.digest


def unlink_spare(op: Operation) -> None:
    """Take a placed file away, if it is still what was placed and the same bytes are still where it was made from.

    Raises:
        OperationFailed: It is not; it stays.
    """
    before = _there(op.target)
    spare = before is not None and stands_already(op) and _original_stands(op)
    # Comparing takes its time, in which a person may save another file there.
    if not before or not spare or not unchanged(before, os.lstat(op.target)):
        raise OperationFailed(f"{os.fsdecode(op.target)} was changed, or is the last copy; it stays")
    os.unlink(op.target)


def _original_stands(op: Operation) -> bool:
    """Whether what was placed can go because its original is there, elsewhere, with the same bytes."""
    if op.action is Action.SYMLINK:
        return True
    if not is_remote(op.source) and os.path.realpath(op.source) == os.path.realpath(op.target):
        return False  # the original's place only leads here
    if op.action is Action.HARDLINK:
        return os.path.exists(op.source)
    try:
        return (member_digest(op) if op.image.member else file_digest(op.source)) == op.digest
    except OSError:
        return False
