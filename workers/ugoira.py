"""Ugoira: an animation of Pixiv, which is a .zip of numbered frames. It is one picture, not many.

What tells it from a comic: a list of its frames in `animation.json`, as most programs that fetch such animations put
beside the frames, or Pixiv's own name, `98765432_ugoira1920x1080.zip`, over nothing but frames numbered from 0.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from typing import Any

from workers.archive_file import BROKEN_ARCHIVE, ArchiveFile, open_archive

__all__ = ["frames_of", "is_ugoira", "may_be_ugoira", "representative"]

_SUFFIXES = (b".zip", b".ugoira")
_LIST = b"animation.json"
_LIST_BYTES = 1 << 20
"""Of a list of frames; Pixiv's longest have some hundred."""

_NAMED = re.compile(rb"_ugoira\d*(x\d+)?", re.IGNORECASE)
_FRAME = re.compile(rb"(\d{1,8})(\.(?:jpe?g|png|gif|webp|avif))", re.IGNORECASE)
_ASIDE = re.compile(rb"(__MACOSX/.*)|(\.[^/]*)", re.DOTALL)
"""Members that a system has put beside the frames."""


def may_be_ugoira(path: bytes) -> bool:
    """Whether a file is called as such an animation may be."""
    return path.lower().endswith(_SUFFIXES)


def is_ugoira(path: bytes) -> bool:
    """Whether a file or object is such an animation; False for what cannot be read as an archive file.

    Raises:
        OSError: It cannot be opened.
    """
    if not may_be_ugoira(path):
        return False
    try:
        with open_archive(path) as archive:
            return bool(frames_of(archive, path))
    except BROKEN_ARCHIVE:
        return False


def frames_of(archive: ArchiveFile, path: bytes) -> list[zipfile.ZipInfo]:
    """The frames of an animation in their order; none where an archive file is something else.

    Raises:
        OSError: The archive file cannot be read.
    """
    members = archive.members
    names = [name for name in members if not _ASIDE.fullmatch(name)]
    if not may_be_ugoira(path):
        return []
    if _LIST in members:
        frames = _listed_frames(archive, members[_LIST])
        frames = frames if sorted({*frames, _LIST}) == sorted(names) else []
    else:
        frames = _numbered(names) if _NAMED.search(os.path.basename(path)) else []
    return [members[name] for name in frames]


def _numbered(names: list[bytes]) -> list[bytes]:
    """Names that are numbers without a gap, all of one format; else none."""
    found = [match for name in sorted(names) if (match := _FRAME.fullmatch(name))]
    gapless = [int(match[1]) for match in found] == list(range(len(names)))
    return sorted(names) if gapless and len({match[2].lower() for match in found}) == 1 else []


def _listed_frames(archive: ArchiveFile, entry: zipfile.ZipInfo) -> list[bytes]:
    """The names in `animation.json`: a list of `{"file": …}`, by itself or under `frames`, however deep that lies."""
    if entry.file_size > _LIST_BYTES:
        return []
    try:
        with archive.open(entry) as file:
            found = _frames_in(json.loads(file.read(_LIST_BYTES)))
    except (*BROKEN_ARCHIVE, RecursionError):
        return []
    names = [frame.get("file") if isinstance(frame, dict) else None for frame in found]
    return [name.encode("utf-8", "replace") for name in names if isinstance(name, str)]


def _frames_in(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("frames"), list):
        return list(value["frames"])
    return next((frames for inner in value.values() if isinstance(inner, dict) and (frames := _frames_in(inner))), [])


def representative(frames: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    """The frame that shows most, which is the largest file: all have the same width and height.

    What fades in or out, or is blank, takes few bytes.
    """
    return max(frames, key=lambda entry: entry.file_size)
