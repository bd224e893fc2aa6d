"""A place for single file operations: an archive with one picture, and an output folder."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from store.file_operation import Action, Image, Operation
from tests.unit.trees import put, sha

PICTURE = b"the only picture" * 100
TIME_NS = 1_234_567_890_123_456_789
PLACING = [Action.HARDLINK, Action.SYMLINK, Action.COPY, Action.MOVE]


def new_site(folder: Path) -> Path:
    """An archive with one picture, and an output folder with a folder X."""
    put(folder / "archive" / "a.png", PICTURE, mtime_ns=TIME_NS, mode=0o640)
    (folder / "out" / "X").mkdir(parents=True)
    return folder


def operation(site: Path, action: Action, *, source: Path | None = None, target: Path | None = None) -> Operation:
    """The placing of archive/a.png at out/X/a.png."""
    original = bytes(site / "archive" / "a.png")
    return Operation(
        action,
        Image(original),
        bytes(source) if source else original,
        bytes(target or site / "out" / "X" / "a.png"),
        sha(PICTURE),
        id=7,
    )


def temporary(op: Operation) -> Path:
    """Where the unfinished form of the target stands."""
    return Path(os.fsdecode(op.target)).parent / f".oshiwake-{op.id}.part"


def zipped(site: Path, name: str = "pages/1.png", content: bytes = PICTURE) -> Operation:
    """The extraction of a member of archive/book.cbz to out/X/1.png."""
    book = site / "archive" / "book.cbz"
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (2011, 2, 3, 4, 5, 6)), content)
    target = bytes(site / "out" / "X" / "1.png")
    return Operation(Action.COPY, Image(bytes(book), name.encode()), bytes(book), target, sha(PICTURE), id=8)


def break_zip(book: Path, damage: str) -> None:
    """Damage the compressed data, or the place where the archive file says that its member begins."""
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pages/1.png", PICTURE)
    data = bytearray(book.read_bytes())
    if damage == "bad data":
        start = 30 + len("pages/1.png")
        data[start : start + 8] = b"\xff" * 8
    else:
        directory = data.rindex(b"PK\x01\x02")
        data[directory + 42 : directory + 46] = (len(data) - 5).to_bytes(4, "little")
    book.write_bytes(data)
