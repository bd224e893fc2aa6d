"""Give a finished file its name, only if that name is free: whatever else appears there meanwhile stays."""

from __future__ import annotations

import ctypes
import errno
import os

__all__ = ["rename_no_replace", "renameat2"]

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
"""From <linux/fs.h>."""

_NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
"""Errors of renameat2() that mean: this kernel, file system or container has no such renaming."""


def rename_no_replace(source: bytes, target: bytes) -> None:
    """Rename a file that is ours alone, never in place of something.

    By a hard link; where the file system has none (FAT, exFAT, some network shares), by a rename that the kernel
    refuses when the name is taken. Where it has neither, by looking before the rename: a file that appears there in
    between, a few microseconds, is lost.

    Raises:
        FileExistsError: Something stands at the target.
        OSError: It cannot be renamed.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        if not _rename_exclusively(source, target):
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
            os.rename(source, target)
    else:
        os.unlink(source)


def _rename_exclusively(source: bytes, target: bytes) -> bool:
    """Rename, and let the kernel look whether the name is free; False where it cannot.

    Raises:
        FileExistsError: It is taken.
        OSError: It cannot be renamed.
    """
    failed = renameat2(source, target)
    if failed and failed not in _NOT_HERE:
        raise OSError(failed, os.strerror(failed), source, None, target)
    return not failed


def renameat2(source: bytes, target: bytes) -> int:
    """Call the kernel; return its error, 0 for none."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        call = library.renameat2
    except AttributeError:  # no Linux, or a C library from before 2018
        return errno.ENOSYS
    return ctypes.get_errno() if call(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE) else 0
