"""A lock that is held by one process at a time and tells who holds it: the system's (flock) on a file.

It ends with its process, whatever ends that. On a file system without locks nobody is kept out, and nobody is seen to
hold it. In object storage there is a lease in its stead (`store.location.lease`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from store.errors import DamagedStore, LockHeld

__all__ = ["hold", "holder", "me", "shown"]

_TRY_S = 1.0
"""A check whether the lock is held takes it for a moment."""

_POLL_S = 0.02
_LONGEST = 512


@contextlib.contextmanager
def hold(path: Path, what: str) -> Iterator[Callable[[], None]]:
    """See `Storage.hold`."""
    descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        if not _lock(descriptor):
            raise LockHeld(f"{what} by {_read(descriptor) or 'another process'}")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, me(), 0)
        yield lambda: None
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(path: Path) -> str | None:
    """See `Storage.holder`."""
    try:
        descriptor = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor) or "another process"
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _open(path: Path, flags: int) -> int:
    """Open the file of a lock, which its holder overwrites; refuse anything else in its place.

    Raises:
        DamagedStore: The path is a link, a pipe or a folder.
        OSError: It cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise DamagedStore(f"{path}: not a file of this program") from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise DamagedStore(f"{path}: not a file of this program")
    return descriptor


def _lock(descriptor: int) -> bool:
    limit_s = time.monotonic() + _TRY_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit_s:
                return False
            time.sleep(_POLL_S)
        except OSError:
            return True  # a file system without locks
        else:
            return True


def me() -> bytes:
    """What a holder says about itself."""
    since = time.strftime("%Y-%m-%d %H:%M")
    return f"process {os.getpid()} on {socket.gethostname()} since {since}".encode()


def _read(descriptor: int) -> str:
    return shown(os.pread(descriptor, _LONGEST, 0))


def shown(note: bytes) -> str:
    """What stands in a file that anybody may have written, for a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in note[:_LONGEST].decode("utf-8", "replace"))
