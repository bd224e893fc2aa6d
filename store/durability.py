"""What makes a file on a disk of this machine whole and lasting: names for unfinished ones, and syncs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

__all__ = [
    "TEMPORARY_PREFIX",
    "naming",
    "sync_file",
    "sync_files",
    "sync_folder",
    "sync_folders",
    "temporary_beside",
]

_MANY_FOLDERS = 16
"""From so many on, one call for the whole file system is quicker than one for each folder."""

TEMPORARY_PREFIX = ".oshiwake-"
"""Names of unfinished files begin so."""


def temporary_beside(path: Path) -> Path:
    """A name in the same folder, never used before, for the unfinished form of `path`."""
    return path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part"


@contextlib.contextmanager
def naming(path: object) -> Iterator[None]:
    """An error of the system in the block, such as a full disk, names this file if it names none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync_file(path: Path | bytes) -> None:
    """Make a file's content durable."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_files(folder: bytes, files: Collection[bytes]) -> None:
    """Make the contents of files in one folder durable; many at once by one call for their file system."""
    if len(files) <= _MANY_FOLDERS or not _sync_file_systems([folder]):
        for file in files:
            sync_file(file)


def sync_folder(folder: Path | bytes) -> None:
    """Make the names in a folder durable; file systems that cannot do so are left alone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def sync_folders(folders: Collection[Path | bytes]) -> None:
    """Make the names in several folders durable; many at once by one call for their file system, where there is one."""
    if len(folders) <= _MANY_FOLDERS or not _sync_file_systems(folders):
        for folder in folders:
            sync_folder(folder)


def _sync_file_systems(folders: Iterable[Path | bytes]) -> bool:
    """Write out the file systems that hold the folders; tell whether that was done."""
    if sys.platform != "linux":
        return False
    of_each = {os.stat(folder).st_dev: folder for folder in folders}
    library = ctypes.CDLL(None, use_errno=True)
    for folder in of_each.values():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if library.syncfs(descriptor) != 0:
                return False
        finally:
            os.close(descriptor)
    return True
