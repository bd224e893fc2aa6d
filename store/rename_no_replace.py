"""Rename without replacing an existing file."""

from __future__ import annotations

import ctypes
import errno
import os

__all__ = ["rename_no_replace", "renameat2"]

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
"""From <linux/fs.h>."""

_NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
"""Errors of renameat2() if the kernel, file system or container does not support it."""


def rename_no_replace(source: bytes, target: bytes) -> None:
    """Rename a temporary file without replacing anything.

    Uses a hard link; on a file system without them (FAT, exFAT, some network shares), a rename that the kernel refuses
    if the name exists. If there is neither, it checks before the rename: a file that appears within those few
    microseconds is lost.

    Raises:
        FileExistsError: The target exists.
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
    """Rename by renameat2(); False if it is not supported.

    Raises:
        FileExistsError: The target exists.
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
    except AttributeError:  # not Linux, or a C library from before 2018
        return errno.ENOSYS
    return ctypes.get_errno() if call(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE) else 0
