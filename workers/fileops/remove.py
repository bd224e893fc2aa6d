"""REMOVE: a placed file that no longer belongs in its folder is removed."""

from __future__ import annotations

import os

from store.file_operation import Action, Operation
from workers.fileops.copy import Copy
from workers.fileops.link import HardLink, SymbolicLink
from workers.fileops.operation import FileOperation, PlacedFile
from workers.fileops.primitives import status_of

__all__ = ["Remove"]

_PLACED: dict[Action | None, type[PlacedFile]] = {
    Action.HARDLINK: HardLink,
    Action.SYMLINK: SymbolicLink,
    Action.COPY: Copy,
    # A moved file goes only when another name has its bytes: a link, or a copy where links cannot be made.
    Action.MOVE: HardLink,
}


class Remove(FileOperation):
    """Remove what this program has placed, if it is still that and the same bytes stand elsewhere."""

    def apply(self) -> Operation:
        self._placed.remove()
        return self.op

    def recover(self) -> Operation | None:
        """It happened if the target is gone."""
        return None if status_of(self.op.target) else self.op

    def undo(self) -> None:
        """Place it again, and make its folder again where it is gone."""
        if not os.path.lexists(self.op.target):
            os.makedirs(os.path.dirname(self.op.target), exist_ok=True)
            self._placed.apply()

    @property
    def _placed(self) -> PlacedFile:
        return _PLACED.get(self.op.placed, Copy)(self.op)
