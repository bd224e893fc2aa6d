"""What every file operation promises.

The rules that keep a collector's only copy safe:
  - An existing target is never replaced, also not when it appears at the last moment.
  - Only MOVE removes an original, and only after the target was read back and has the original's digest. A file that
    has replaced the original meanwhile stays.
  - A placed file is compared before it is removed: a file that a person changed, or the last copy of a picture, stays.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod

from store.file_operation import Operation
from workers.fileops.primitives import status_of, unchanged

__all__ = ["FileOperation", "OperationFailed", "PlacedFile", "TargetExists"]


class TargetExists(Exception):
    """Something stands at the target already; choose another name."""


class OperationFailed(Exception):
    """The operation cannot be done; nothing was changed. `str(error)` is the reason."""


class FileOperation(ABC):
    """One operation on one target.

    Attributes:
        op: The operation as the journal has it.
    """

    def __init__(self, op: Operation) -> None:
        self.op = op

    @abstractmethod
    def apply(self) -> Operation:
        """Do it; return what was really done (a HARDLINK may have become a COPY).

        Raises:
            FileExistsError: Something stands at the target.
            OSError, OperationFailed: It cannot be done.
        """

    @abstractmethod
    def recover(self) -> Operation | None:
        """Settle it after its process died: what was done if it happened (now complete), None if it did not.

        Raises:
            OSError: A file cannot be reached, so nobody can tell.
        """

    @abstractmethod
    def undo(self) -> None:
        """Take it back; do nothing where that has happened already.

        Raises:
            OSError, OperationFailed: It cannot be taken back without losing something; what is there stays.
        """

    def stands_already(self) -> bool:
        """Whether the target is just what `apply` would make; only of links and copies anybody can tell."""
        return False


class PlacedFile(FileOperation):
    """A link or a copy. Its original stays, so it can be removed while the original has the same bytes."""

    @abstractmethod
    def original_stands(self) -> bool:
        """Whether the original is there, somewhere else than the target, with the same bytes."""

    def recover(self) -> Operation | None:
        """It happened if the target is what `apply` makes."""
        return self.op if status_of(self.op.target) and self.stands_already() else None

    def undo(self) -> None:
        """Remove the target, as `remove`; it may be gone already."""
        if os.path.lexists(self.op.target):
            self.remove()

    def remove(self) -> None:
        """Remove the target, if it is still what was placed and the original stands.

        Raises:
            OperationFailed: It is not; it stays.
        """
        before = status_of(self.op.target)
        spare = before is not None and self.stands_already() and self.original_stands()
        # A person may save another file there while the files are compared.
        if not before or not spare or not unchanged(before, os.lstat(self.op.target)):
            raise OperationFailed(f"{os.fsdecode(self.op.target)} was changed, or is the last copy; it stays")
        os.unlink(self.op.target)
