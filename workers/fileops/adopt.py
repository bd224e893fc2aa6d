"""ADOPT: a placed file whose original was renamed; a symbolic link is led to the new name."""

from __future__ import annotations

import os

from store.file_operation import Action, Operation
from workers.fileops.operation import FileOperation
from workers.fileops.primitives import temporary_name, unlink

__all__ = ["Adopt"]


class Adopt(FileOperation):
    """Let a placed file stand where it stands. A link or copy has the bytes; a symbolic link is replaced in one step.

    What a person has put in its place is left alone.
    """

    def apply(self) -> Operation:
        op = self.op
        if op.placed is Action.SYMLINK and os.path.islink(op.target) and os.readlink(op.target) == op.source:
            temporary = temporary_name(op.target, op.id)
            try:
                os.symlink(op.image.path, temporary)
                os.replace(temporary, op.target)
            finally:
                unlink(temporary)
        return op

    def recover(self) -> Operation | None:
        """Do it to its end."""
        return self.apply()

    def undo(self) -> None:
        """Nothing: the original has its new name still."""
