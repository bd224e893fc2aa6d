"""Copies of a batch that are written first and given their names later, so that the disk is waited for once.

They lie in the journal's folder until then. The next process that holds the journal removes what a killed one left.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable

from store.durability import TEMPORARY_PREFIX, sync_files
from store.file_operation import Action, Operation
from store.location import Location
from workers.fileops.copy import Copy
from workers.fileops.operation import OperationFailed, TargetExists
from workers.fileops.primitives import temporary_name, unlink

__all__ = ["STAGED", "Staging", "clear_staged"]

STAGED = "staged"
"""The folder's name, in that of the journal."""

_FEW = 4
"""So many copies are made one by one; the folder would cost as much as it saves."""


class Staging:
    """The copies of one batch.

    Attributes:
        folder: Where they lie.
    """

    def __init__(self, folder: bytes, open_folder: Callable[[bytes], int], through: bytes) -> None:
        """Take a way to open a folder of the output, and the path of an open one."""
        self.folder = folder
        self._open = open_folder
        self._through = through
        self._descriptor: int | None = None
        self._ready: dict[int, bytes] = {}

    def fill(self, operations: Iterable[Operation]) -> None:
        """Write the copies among operations. One that cannot be written is left to `apply`, which says why."""
        copies = [op for op in operations if op.action is Action.COPY]
        if len(copies) <= _FEW:
            return
        try:
            os.makedirs(self.folder, exist_ok=True)
            self._descriptor = self._open(self.folder)
        except OSError:
            return
        place = self._through % self._descriptor
        for op in copies:
            path = temporary_name(os.path.join(place, b"copy"), op.id)
            try:
                Copy(op).write(path)
            except (OperationFailed, OSError):
                with contextlib.suppress(OSError):
                    unlink(path)
            else:
                self._ready[op.id] = path
        sync_files(place, self._ready.values())

    def publish(self, op: Operation) -> bool:
        """Give a copy its name; False if it was not written yet.

        Raises:
            TargetExists: Something stands at the target.
            OperationFailed: The original has changed since it was read.
        """
        path = self._ready.pop(op.id, None)
        if path is None:
            return False
        try:
            Copy(op).publish(path)
        except FileExistsError as error:
            raise TargetExists(f"{os.fsdecode(op.target)} is taken by something else") from error
        except OSError:
            return False  # the target's folder is another file system
        finally:
            unlink(path)
        return True

    def clear(self) -> None:
        """Remove the copies that have no name yet, and the folder."""
        if self._descriptor is None:
            return
        for path in self._ready.values():
            with contextlib.suppress(OSError):
                unlink(path)
        self._ready.clear()
        os.close(self._descriptor)
        self._descriptor = None
        with contextlib.suppress(OSError):  # it is not empty, or gone
            os.rmdir(self.folder)


def clear_staged(folder: Location) -> None:
    """Remove what a killed process has left in a journal's folder."""
    for path in (folder / STAGED).glob(f"{TEMPORARY_PREFIX}*.part"):
        path.unlink()
    with contextlib.suppress(OSError):
        (folder / STAGED).rmdir()
