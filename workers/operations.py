"""One file operation: do it, finish it after a crash, take it back.

The rules that keep a collector's only copy safe:
  - a target that exists is never replaced, also not when it appears at the last moment;
  - an original goes only by MOVE, and only after the target was read back and has the original's digest; a file that
    took its place meanwhile stays;
  - what is taken back is looked at first: a file that a person changed, or the last name of a picture, stays.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import time
from dataclasses import replace
from pathlib import Path

from store.files import TEMPORARY_PREFIX, sync_folder
from store.journal import Action, Image, Operation
from workers.opening import BROKEN_ARCHIVE, find_member, open_archive, open_regular

__all__ = ["Failed", "Taken", "file_digest", "finish", "perform", "reverse", "stands_already"]

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
"""Errors of link() that mean: not here, or not with this file; a copy may still be made."""


class Taken(Exception):
    """Something stands at the target already; choose another name."""


class Failed(Exception):
    """The operation cannot be done; nothing was changed. `str(error)` is the reason."""


def perform(op: Operation) -> Operation:
    """Do one operation and return what was really done (a HARDLINK may have become a COPY).

    Raises:
        Taken: Something stands at the target.
        Failed: It cannot be done.
    """
    try:
        return _DO[op.action](op)
    except FileExistsError as error:
        raise Taken(f"{os.fsdecode(op.target)} is taken by something else") from error
    except OSError as error:
        raise Failed(f"{os.fsdecode(op.target)}: {error.strerror or error}") from error


def _hardlink(op: Operation) -> Operation:
    try:
        os.link(os.path.realpath(op.source), op.target)
        return op
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return _copy(replace(op, action=Action.COPY))


def _symlink(op: Operation) -> Operation:
    os.symlink(op.source, op.target)
    return op


def _copy(op: Operation) -> Operation:
    """Copy to a temporary name, make it durable, check it, then give it its name."""
    temporary = _temporary(op.target, op.id)
    _unlink(temporary)  # left by a crash, it may be a second name of a picture: nothing must be written into it
    try:
        if op.image.member:
            _extract(op, temporary)
        else:
            _duplicate(op, temporary)
        _sync_file(temporary)
        if file_digest(temporary) != op.digest:
            raise Failed(f"{os.fsdecode(op.source)} has changed since it was read")
        _publish(temporary, op.target)
    finally:
        _unlink(temporary)
    return op


def _duplicate(op: Operation, temporary: bytes) -> None:
    with open_regular(op.source) as original, open(temporary, "xb") as file:
        shutil.copyfileobj(original, file)
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
        raise Failed(f"{os.fsdecode(op.source)} has changed since it was read: {error}") from error
    with contextlib.suppress(ValueError, OverflowError):  # a date that no clock has shown
        written_s = time.mktime((*info.date_time, 0, 0, -1))
        os.utime(temporary, (written_s, written_s))


def _move(op: Operation) -> Operation:
    """Link the original to its new name (or copy it to another file system), read it back, then let the old name go."""
    before = os.lstat(op.source)
    if _digest_or_none(op.source) != op.digest:
        raise Failed(f"{os.fsdecode(op.source)} has changed since it was read; it stays where it is")
    try:
        os.link(op.source, op.target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(op)
    _let_go(op.source, op.target, before)
    return op


def _let_go(source: bytes, target: bytes, before: os.stat_result) -> None:
    """Make the new name durable, then take the old one away; if it still means the file that it meant before."""
    sync_folder(Path(os.fsdecode(os.path.dirname(target))))
    now = os.lstat(source)
    unchanged = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    if os.path.samestat(now, os.lstat(target)) or (os.path.samestat(now, before) and unchanged):
        os.unlink(source)


def _rename(op: Operation) -> Operation:
    _shift(op.source, op.target, op.id)
    return op


def _remove(op: Operation) -> Operation:
    """Take away what this program had placed, if it is still that and its bytes stand elsewhere."""
    action = op.placed or Action.COPY
    if action is Action.MOVE:
        # It stands under another name too: as a link, or as a copy where links cannot be made.
        action = Action.HARDLINK if stands_already(replace(op, action=Action.HARDLINK)) else Action.COPY
    _unlink_spare(replace(op, action=action))
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
    Action.COPY: _copy,
    Action.MOVE: _move,
    Action.RENAME: _rename,
    Action.REMOVE: _remove,
    Action.FOLDER: _folder,
}


def finish(op: Operation) -> Operation | None:
    """Settle an operation whose process died: what was done if it happened (now whole), None if it did not."""
    _unlink(_temporary(op.target, op.id))
    if op.action is Action.FOLDER:
        return op if os.path.isdir(op.target) and not os.path.islink(op.target) else None
    if op.action is Action.REMOVE:
        return None if os.path.lexists(op.target) else op
    if not os.path.lexists(op.target):
        return None
    if op.action in (Action.RENAME, Action.MOVE):
        return _finish_shift(op)
    for action in (op.action, Action.COPY):
        if stands_already(replace(op, action=action)):
            return replace(op, action=action)
    return None


def _finish_shift(op: Operation) -> Operation | None:
    """Settle a MOVE or RENAME whose target exists: the old name goes, if it means the same file or the same bytes."""
    if not os.path.lexists(op.source):
        return op
    if _same(op.source, op.target):
        _let_go(op.source, op.target, os.lstat(op.source))
        return op
    # Moved, and then another picture took the old place; or never moved, and another one stands at the target.
    return op if op.action is Action.MOVE and _digest_or_none(op.target) == op.digest else None


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
    return op.action is Action.COPY and _digest_or_none(op.target) == op.digest


def reverse(op: Operation) -> None:
    """Take an operation back; nothing to do where that has happened already.

    Raises:
        Failed: It cannot be taken back without losing something; what is there stays.
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
    except Taken as error:
        raise Failed(f"{os.fsdecode(op.target)} is taken by something else") from error
    except OSError as error:
        raise Failed(f"{os.fsdecode(op.target)}: {error.strerror or error}") from error


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
        raise Failed(f"{os.fsdecode(op.target)} is gone; it was moved or deleted by someone else")
    os.makedirs(os.path.dirname(op.source), exist_ok=True)
    _unlink(_temporary(op.source, op.id))
    try:
        _shift(op.target, op.source, op.id)
    except FileExistsError:
        if not _same(op.target, op.source):
            raise Failed(f"{os.fsdecode(op.source)} is taken; {os.fsdecode(op.target)} stays") from None
        _let_go(op.target, op.source, os.lstat(op.target))


def _reverse_remove(op: Operation) -> None:
    if not os.path.lexists(op.target):
        os.makedirs(os.path.dirname(op.target), exist_ok=True)
        perform(replace(op, action=Action.HARDLINK if op.placed is Action.MOVE else op.placed or Action.COPY))


def _reverse_placing(op: Operation) -> None:
    if os.path.lexists(op.target):
        _unlink_spare(op)


def _unlink_spare(op: Operation) -> None:
    """Take a placed file away, if it is still what was placed and the same bytes are still where it was made from.

    Raises:
        Failed: It is not; it stays.
    """
    if not (stands_already(op) and _original_stands(op)):
        raise Failed(f"{os.fsdecode(op.target)} was changed, or is the last copy; it stays")
    os.unlink(op.target)


def _original_stands(op: Operation) -> bool:
    """Whether what was placed can go because its original is there, elsewhere, with the same bytes."""
    if op.action is Action.SYMLINK:
        return True
    if os.path.realpath(op.source) == os.path.realpath(op.target):
        return False  # the original's place only leads here
    if op.action is Action.HARDLINK:
        return os.path.exists(op.source)
    try:
        return (_member_digest(op) if op.image.member else file_digest(op.source)) == op.digest
    except OSError:
        return False


def _member_digest(op: Operation) -> bytes | None:
    try:
        with open_archive(op.source) as archive, archive.open(find_member(archive, op.image.member)) as member:
            return hashlib.file_digest(member, "sha256").digest()  # type: ignore[arg-type]
    except BROKEN_ARCHIVE:
        return None


def _shift(source: bytes, target: bytes, number: int) -> None:
    """Give a file another name without ever replacing one, across file systems too.

    Raises:
        FileExistsError: Something stands at the target.
        Failed: The copy to another file system came out wrong; the source stays.
    """
    before = os.lstat(source)
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        else:
            _copy(Operation(Action.MOVE, Image(source), source, target, file_digest(source), id=number))
    _let_go(source, target, before)


def _publish(temporary: bytes, target: bytes) -> None:
    """Give a finished temporary file its name, only if that name is free."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # No hard links on this file system (FAT, some network shares): look, then rename. The journal keeps other
        # processes of ours away in between.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "exists", target) from None
        os.rename(temporary, target)


def file_digest(path: bytes) -> bytes:
    """sha256 of a file's content."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]


def _same(one: bytes, other: bytes) -> bool:
    """Whether two names mean one file, or the same bytes, or are links to the same place."""
    if os.path.samestat(os.lstat(one), os.lstat(other)):
        return True
    if os.path.islink(one) and os.path.islink(other):
        return os.readlink(one) == os.readlink(other)
    digest = _digest_or_none(one)
    return digest is not None and digest == _digest_or_none(other)


def _digest_or_none(path: bytes) -> bytes | None:
    try:
        return file_digest(path) if stat.S_ISREG(os.lstat(path).st_mode) else None
    except OSError:
        return None


def _temporary(target: bytes, number: int) -> bytes:
    """The unfinished form of a target: named by the journal's number, so that it is found after a crash."""
    return os.path.join(os.path.dirname(target), b"%s%d.part" % (os.fsencode(TEMPORARY_PREFIX), number))


def _sync_file(path: bytes) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _unlink(path: bytes) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
