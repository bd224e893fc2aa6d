"""How pictures are placed; a module of its own, so that the command line starts without the rest of the store."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mode"]


class Mode(StrEnum):
    """How pictures are placed. Only MOVE changes the archive."""

    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"
    MOVE = "move"
