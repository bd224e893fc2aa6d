"""Temporary folders that later processes clean up if their owner was killed.

The owner keeps a file in the folder locked; the system releases the lock when the process ends. A folder without such a
file, or of another user, is left alone.
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
"""Names that `tempfile` makes with the prefix."""

_LOCK = "in-use.lock"


class Scratch:
    """A temporary folder with access for its owner only.

    Attributes:
        path: The folder.
    """

    def __init__(self, folder: str | None = None) -> None:
        """Create one, by default in the system's folder for temporary files."""
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
        """Delete the folder with its content; may be repeated."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()


def hold_scratch(path: Path) -> contextlib.ExitStack | None:
    """Protect a folder from the clean-up until the result is closed or this process ends; None if it is gone."""
    try:
        descriptor = os.open(path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    held = contextlib.ExitStack()
    held.callback(os.close, descriptor)
    with contextlib.suppress(OSError):  # a file system without locks; no clean-up there
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if os.fstat(descriptor).st_nlink:
        return held
    held.close()
    return None


def sweep_scratch(folder: str | None = None) -> None:
    """Delete our unused temporary folders."""
    with contextlib.suppress(OSError), os.scandir(folder or tempfile.gettempdir()) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):  # in use, or another user's, or gone
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
