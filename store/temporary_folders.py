"""Temporary folders whose makers may be killed: later ones take away what the dead have left.

Whoever uses a folder keeps a file in it locked; the system lets go of that when a process ends, however it ends.
Nothing else tells the living from the dead: a folder without such a file, or of another user, is left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Self

__all__ = ["Scratch", "hold_scratch", "sweep_scratch"]

_PREFIX = "oshiwake-"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")
"""What `tempfile` makes of the prefix."""

_LOCK = "in-use.lock"


class Scratch:
    """A temporary folder that nobody else may enter.

    Attributes:
        path: The folder.
    """

    def __init__(self, folder: str | None = None) -> None:
        """Make one, in the system's folder for temporary files or in another."""
        held = None
        while held is None:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))  # mode 0700
            held = hold_scratch(self.path)
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take the folder away with all that is in it; twice does no harm."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()


def hold_scratch(path: Path) -> contextlib.ExitStack | None:
    """Keep a folder from being swept, until what is returned is closed or this process ends; None if it was swept."""
    try:
        descriptor = os.open(path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    held = contextlib.ExitStack()
    held.callback(os.close, descriptor)
    with contextlib.suppress(OSError):  # a file system without locks; nobody sweeps there
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if os.fstat(descriptor).st_nlink:
        return held
    held.close()
    return None


def sweep_scratch(folder: str | None = None) -> None:
    """Take away the temporary folders of ours that nobody uses any more."""
    with contextlib.suppress(OSError), os.scandir(folder or tempfile.gettempdir()) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):  # it is in use, or another user's, or gone meanwhile
                    _sweep(Path(entry.path))


def _sweep(path: Path) -> None:
    if path.lstat().st_uid != os.geteuid():
        return
    descriptor = os.open(path / _LOCK, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)
