"""Trees of files, as the tests make them and look at them."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from store.journal import JOURNAL_FOLDER


def sha(content: bytes) -> bytes:
    """sha256, as the journal keeps it."""
    return hashlib.sha256(content).digest()


def put(path: Path, content: bytes = b"a picture", *, mtime_ns: int | None = None, mode: int | None = None) -> Path:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if mode is not None:
        path.chmod(mode)
    if mtime_ns is not None:
        os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def look(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a root but the journal: kind, permissions, content, and of files the time of last change."""
    return {
        os.fsdecode(os.path.relpath(path, root)): _entry(path)
        for path in sorted(root.rglob("*"))
        if JOURNAL_FOLDER not in path.relative_to(root).parts
    }


def folder_times(root: Path) -> dict[str, int]:
    """The time of last change of every folder below a root, itself included."""
    return {os.fsdecode(path): path.stat().st_mtime_ns for path in [root, *root.rglob("*")] if path.is_dir()}


def unfinished(root: Path) -> list[Path]:
    """Temporary files left below a root."""
    return list(root.rglob(".oshiwake-*"))


def _entry(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    permissions = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return "link", os.readlink(path)
    if stat.S_ISDIR(status.st_mode):
        return "folder", permissions
    return "file", permissions, status.st_mtime_ns, path.read_bytes()
