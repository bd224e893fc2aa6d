"""FOLDER: a folder of the output."""

from __future__ import annotations

import errno
import os
import stat

from store.file_operation import Operation
from workers.fileops.operation import FileOperation

__all__ = ["Folder"]

_STAYS = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}
"""Errors of rmdir() that mean: someone uses the folder now, or it is gone."""


class Folder(FileOperation):
    """Make a folder; one that is there already is as good as made. A symbolic link to a folder is none."""

    def apply(self) -> Operation:
        try:
            os.mkdir(self.op.target)
        except FileExistsError:
            # lstat: a symbolic link must not lead our files elsewhere.
            if not stat.S_ISDIR(os.lstat(self.op.target).st_mode):
                raise
        return self.op

    def recover(self) -> Operation | None:
        """It happened if the folder is there."""
        return self.op if os.path.isdir(self.op.target) and not os.path.islink(self.op.target) else None

    def undo(self) -> None:
        """Remove it if it is empty."""
        try:
            os.rmdir(self.op.target)
        except OSError as error:
            if error.errno not in _STAYS:
                raise
