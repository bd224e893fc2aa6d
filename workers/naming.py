"""Folder names that every file system takes, distinct for distinct characters."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator

from model.dataset.reserved_folders import MOST_LEVELS, REMOVED, REVIEW, UNKNOWN
from store.durability import TEMPORARY_PREFIX

__all__ = ["OWN_FOLDERS", "REMOVED", "REVIEW", "UNKNOWN", "file_name", "folder_names", "numbered", "safe_name"]

OWN_FOLDERS = (UNKNOWN, REVIEW, REMOVED)
"""Folders that mean something to this program; a character of the same name gets another folder."""

_MAX_BYTES = 200
"""Of a name; file systems take 255, and room is left for a number and a temporary suffix."""

_MAX_FILE_BYTES = 255

_SERIES = "/"
"""Between a series and its character, in a name and in the folder for it."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def safe_name(name: str) -> str:
    """A folder name for a character: as it is where every file system takes it, else with `_` for what they do not."""
    safe = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    safe = _UNSAFE.sub("_", safe).rstrip(". ").lstrip(" ")
    if safe.startswith(".") or _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    return _cut(safe, _MAX_BYTES) or "unnamed"


def folder_names(names: Iterable[str]) -> dict[str, str]:
    """A folder for each character, never the same twice, also where case or Unicode form is all that differs.

    The character `Series/Character` has a folder in a folder; every part of the way is safe by itself.

    Where names clash, the one that is its own folder name keeps it; the others get a short digest of their name, so
    that a folder does not change its character when another character joins.
    """
    names = sorted(set(names), key=lambda name: (next(_candidates(name)) != name, name))
    taken = {_fold(own) for own in OWN_FOLDERS}
    folders: dict[str, str] = {}
    for name in names:
        folder = next(folder for folder in _candidates(name) if _fold(folder) not in taken)
        taken.add(_fold(folder))
        folders[name] = folder
    return folders


def _candidates(name: str) -> Iterator[str]:
    """The folders that a character may have, the best first."""
    *series, safe = _safe_parts(name)
    yield _SERIES.join([*series, safe])
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    for length in range(8, len(digest) + 1, 8):
        yield _SERIES.join([*series, f"{_cut(safe, 254 - length)}~{digest[:length]}"])


def _safe_parts(name: str) -> list[str]:
    """The folders of a name, each in the one before; a single one where they were too many, or the first one ours."""
    parts = [safe_name(part) for part in name.split(_SERIES) if part]
    if not 1 < len(parts) <= MOST_LEVELS or _fold(parts[0]) in {_fold(own) for own in OWN_FOLDERS}:
        return [safe_name(name)]
    return parts


def file_name(path: bytes) -> bytes:
    """The name under which a picture is placed: its own, made fit where an archive file gave it one that is not."""
    name = os.path.basename(path)
    if name in (b".", b"..") or name.startswith(os.fsencode(TEMPORARY_PREFIX)):
        name = b"_" + name
    if len(name) > _MAX_FILE_BYTES:
        stem, suffix = _split(name)
        name = _cut_bytes(stem, _MAX_FILE_BYTES - len(suffix)) + suffix
    return name


def numbered(name: bytes, n: int) -> bytes:
    """The n-th file of the same name in a folder: `a.png`, `a (2).png`, `a (3).png`, …

    A name too long for the number loses bytes before its suffix, at a character's border.
    """
    if n == 1:
        return name
    stem, suffix = _split(name)
    tail = b" (%d)" % n + suffix
    return _cut_bytes(stem, _MAX_FILE_BYTES - len(tail)) + tail


def _split(name: bytes) -> tuple[bytes, bytes]:
    """A file name as its stem and its suffix with the dot, where it has one."""
    stem, dot, suffix = name.rpartition(b".")
    return (name, b"") if not stem or len(suffix) > 16 else (stem, dot + suffix)


def _cut_bytes(name: bytes, limit: int) -> bytes:
    """A name's first bytes, without half a character at the end."""
    if len(name) <= limit:
        return name
    return name[:limit].decode("utf-8", "ignore").encode() or name[:limit]


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode("utf-8", "ignore").rstrip(". ")
