"""Folder names that every file system takes, distinct for distinct characters."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["OWN_FOLDERS", "REVIEW", "UNKNOWN", "folder_names", "numbered", "safe_name"]

UNKNOWN = "_unknown"
REVIEW = "_review"
OWN_FOLDERS = (UNKNOWN, REVIEW)
"""Folders that mean something to this program; a character of the same name gets another folder."""

_MAX_BYTES = 200
"""Of a name; file systems take 255, and room is left for a number and a temporary suffix."""

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

    Where names clash, the one that is its own folder name keeps it; the others get a short digest of their name, so
    that a folder does not change its character when another character joins.
    """
    names = sorted(set(names), key=lambda name: (safe_name(name) != name, name))
    taken = {_fold(own) for own in OWN_FOLDERS}
    folders: dict[str, str] = {}
    for name in names:
        folder = safe_name(name)
        if _fold(folder) in taken:
            folder = f"{folder}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        taken.add(_fold(folder))
        folders[name] = folder
    return folders


def numbered(name: bytes, n: int) -> bytes:
    """The n-th file of the same name in a folder: `a.png`, `a (2).png`, `a (3).png`, …

    A name too long for the number loses bytes before its suffix, at a character's border.
    """
    if n == 1:
        return name
    stem, dot, suffix = name.rpartition(b".")
    if not stem or len(suffix) > 16:
        stem, dot, suffix = name, b"", b""
    tail = b" (%d)" % n + dot + suffix
    if len(stem) + len(tail) > 255:
        stem = stem[: 255 - len(tail)].decode("utf-8", "ignore").encode() or stem[: 255 - len(tail)]
    return stem + tail


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode("utf-8", "ignore").rstrip(". ")
