"""HARDLINK and SYMLINK: a second name of an original, or a link that tells where the original is."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from store.file_operation import Action, Operation
from store.location import storage_of
from workers.fileops.copy import Copy
from workers.fileops.operation import PlacedFile
from workers.fileops.primitives import NO_LINK

__all__ = ["HardLink", "SymbolicLink"]


class HardLink(PlacedFile):
    """Link the original's file; where no hard link can be made, make a COPY."""

    def apply(self) -> Operation:
        op = self.op
        if not storage_of(op.source).can_link:
            return self._copy.apply()
        try:
            # An original that is a symbolic link: link the file that it leads to.
            os.link(os.path.realpath(op.source) if os.path.islink(op.source) else op.source, op.target)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            return self._copy.apply()
        return op

    def recover(self) -> Operation | None:
        """As a link, or as the copy that was made instead."""
        return super().recover() or self._copy.recover()

    def stands_already(self) -> bool:
        """Whether the target is the original's file."""
        try:
            status = os.lstat(self.op.target)
            linked = stat.S_ISREG(status.st_mode) and os.path.samestat(status, os.stat(self.op.source))
        except OSError:
            return False
        return linked and not self.op.image.member

    def original_stands(self) -> bool:
        """Whether the original is there, and is no symbolic link to the target."""
        source = self.op.source
        return os.path.exists(source) and os.path.realpath(source) != os.path.realpath(self.op.target)

    def remove(self) -> None:
        """Remove the link.

        A file that was linked to another placement, removed and given back since is a link of the original: then the
        bytes are compared as those of a copy.
        """
        if self.stands_already():
            super().remove()
        else:
            self._copy.remove()

    @property
    def _copy(self) -> Copy:
        return Copy(replace(self.op, action=Action.COPY))


class SymbolicLink(PlacedFile):
    """Make a symbolic link that holds the original's path; it loses nothing when it is removed."""

    def apply(self) -> Operation:
        os.symlink(self.op.source, self.op.target)
        return self.op

    def stands_already(self) -> bool:
        """Whether the target is a link to the original."""
        return os.path.islink(self.op.target) and os.readlink(self.op.target) == self.op.source

    def original_stands(self) -> bool:
        """A link has no bytes of its own."""
        return True
