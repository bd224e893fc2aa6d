"""Give a file another name or another place: never in place of something, never half, across file systems too."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from pathlib import Path

from store.file_operation import Action, Image, Operation
from store.files import TEMPORARY_PREFIX, sync_folder
from store.object_storage import is_remote, object_time
from store.rename_no_replace import rename_new
from workers.digests import file_digest
from workers.safe_open import BROKEN_ARCHIVE, find_member, open_archive, open_regular

__all__ = [
    "NO_LINK",
    "OperationFailed",
    "TargetExists",
    "copy",
    "publish_copy",
    "rename_no_replace",
    "temporary_name",
    "unchanged",
    "unlink",
    "unlink_source",
    "unlink_source_or_roll_back",
    "write_copy",
]

NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
"""Errors of link() that mean: not here, or not with this file; a copy may still be made."""


class TargetExists(Exception):
    """Something stands at the target already; choose another name."""


class OperationFailed(Exception):
    """The operation cannot be done; nothing was changed. `str(error)` is the reason."""


def copy(op: Operation) -> Operation:
    """Copy to a temporary name, make it durable, check it, then give it its name."""
    temporary = temporary_name(op.target, op.id)
    try:
        write_copy(op, temporary)
        _sync_file(temporary)
        publish_copy(op, temporary)
    finally:
        unlink(temporary)
    return op


def write_copy(op: Operation, temporary: bytes) -> None:
    """Write the bytes of a copy to a new file; they are neither durable nor checked yet.

    Raises:
        OperationFailed: The archive file has changed.
    """
    unlink(temporary)  # left by a crash, it may be a second name of a picture: nothing must be written into it
    if op.image.member:
        _extract(op, temporary)
    else:
        _duplicate(op, temporary)


def publish_copy(op: Operation, temporary: bytes) -> None:
    """Give a copy that is durable its name, if it holds what was read; it may keep the temporary one too.

    Raises:
        FileExistsError: Something stands at the target.
        OperationFailed: The original has changed since it was read.
    """
    if file_digest(temporary) != op.digest:
        raise OperationFailed(f"{os.fsdecode(op.source)} has changed since it was read")
    rename_new(temporary, op.target)


def _duplicate(op: Operation, temporary: bytes) -> None:
    with open_regular(op.source) as original, open(temporary, "xb") as file:
        shutil.copyfileobj(original, file)
    if is_remote(op.source):
        os.utime(temporary, ns=(object_time(op.source),) * 2)
        return
    if op.action is Action.MOVE:
        status = os.stat(op.source)
        with contextlib.suppress(PermissionError):  # only root can give files away
            os.chown(temporary, status.st_uid, status.st_gid)
    shutil.copystat(op.source, temporary)


def _extract(op: Operation, temporary: bytes) -> None:
    try:
        with open_archive(op.source) as archive:
            info = find_member(archive, op.image.member)
            with archive.open(info) as member, open(temporary, "xb") as file:
                shutil.copyfileobj(member, file)
    except BROKEN_ARCHIVE as error:
        raise OperationFailed(f"{os.fsdecode(op.source)} has changed since it was read: {error}") from error
    with contextlib.suppress(ValueError, OverflowError):  # a date that no clock has shown
        written_s = time.mktime((*info.date_time, 0, 0, -1))
        os.utime(temporary, (written_s, written_s))


def rename_no_replace(source: bytes, target: bytes, number: int) -> None:
    """Give a file another name without ever replacing one, across file systems too.

    Raises:
        FileExistsError: Something stands at the target.
        OperationFailed: The copy to another file system came out wrong; the source stays.
    """
    before = os.lstat(source)
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        else:
            copy(Operation(Action.MOVE, Image(source), source, target, file_digest(source), id=number))
    unlink_source_or_roll_back(source, target, before)


def unlink_source_or_roll_back(source: bytes, target: bytes, before: os.stat_result) -> None:
    """Let the old name of a file go that was just given a new one; where it cannot go, the new one goes again.

    In a folder that may not be written the file would stand twice else, and nobody would know of the second.
    """
    made = os.lstat(target)
    try:
        unlink_source(source, target, before)
    except OSError:
        if os.path.lexists(source) and os.path.samestat(made, os.lstat(target)):
            os.unlink(target)
        raise


def unlink_source(source: bytes, target: bytes, before: os.stat_result) -> None:
    """Make the new name durable, then take the old one away; if it still means the file that it meant before."""
    sync_folder(Path(os.fsdecode(os.path.dirname(target))))
    now = os.lstat(source)
    if os.path.samestat(now, os.lstat(target)) or unchanged(before, now):
        os.unlink(source)


def unchanged(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether a name means the same file, with the same content, as before."""
    same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return same and os.path.samestat(now, before)


def temporary_name(target: bytes, number: int) -> bytes:
    """The unfinished form of a target: named by the journal's number, so that it is found after a crash."""
    return os.path.join(os.path.dirname(target), b"%s%d.part" % (os.fsencode(TEMPORARY_PREFIX), number))


def _sync_file(path: bytes) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def unlink(path: bytes) -> None:
    """Take a name away, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
