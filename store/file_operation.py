"""File operations as the journal stores them, and placements."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from store.mode import Mode

__all__ = ["Action", "Image", "Operation", "Placement"]


class Action(StrEnum):
    """One kind of file operation.

    ADOPT: the placed file belongs to another image from now on, because its original was renamed; or it is a link, and
    shows what its original has become. The earlier operations are told of that, and nothing is left to undo.
    HAND: a person moved a placed file; the journal learnt of it later.
    """

    HARDLINK = Mode.HARDLINK
    SYMLINK = Mode.SYMLINK
    COPY = Mode.COPY
    MOVE = Mode.MOVE
    RENAME = "rename"
    REMOVE = "remove"
    FOLDER = "folder"
    ADOPT = "adopt"
    HAND = "hand"


@dataclass(frozen=True, slots=True)
class Image:
    """Identifies an image: the absolute path of its original, and its name inside an archive file."""

    path: bytes
    member: bytes = b""


@dataclass(frozen=True, slots=True)
class Operation:
    """One file operation.

    Attributes:
        action: What is done.
        image: The image; unused for FOLDER.
        source: What the target is made from: the original, or another file with the same bytes; the old target of a
            RENAME; for a REMOVE, what undo can make it from again; for an ADOPT, where the original was before.
        target: The file or folder that is created, or removed by a REMOVE.
        digest: sha256 of the image's bytes.
        placed: For a REMOVE or an ADOPT, how the target had been placed. A MOVE is removed only if another file has the
            same bytes.
        id: Number in the journal; 0 before it is planned.
    """

    action: Action
    image: Image
    source: bytes
    target: bytes
    digest: bytes = b""
    placed: Action | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """The current place of an image.

    Attributes:
        target: Absolute path.
        action: How it was placed there: HARDLINK, SYMLINK, COPY or MOVE.
        digest: sha256 of the image's bytes.
    """

    target: bytes
    action: Action
    digest: bytes
