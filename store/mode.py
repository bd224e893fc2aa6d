"""How pictures are placed. Its own module, so that the command line starts fast."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mode"]


class Mode(StrEnum):
    """How pictures are placed. Only MOVE changes the archive."""

    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"
    MOVE = "move"
