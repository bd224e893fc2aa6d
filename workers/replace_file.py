"""Put files of ours into the output, replace them and take them away; at no moment something of a person's.

Between a look and a replacement a person may save a file under that very name. So what bears the name is moved aside
first, and looked at there: a file of ours goes, and anything else comes back. A process that dies in between leaves it
aside; the next one brings it back (`restore`). In object storage the server makes sure that what was looked at is what
is replaced.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

from store.files import TEMPORARY_PREFIX, sync_folder
from store.location import ObjectPath
from store.object_storage import delete_object, replace_object, stat_object
from store.rename_no_replace import rename_no_replace
from workers.fileops.primitives import file_digest
from workers.naming import numbered

__all__ = ["Ours", "digest_of", "put", "restore", "take_away"]

Ours = Callable[[bytes], bool]
"""Whether a file with this sha256 is one that we have put there."""

_ASIDE = f"{TEMPORARY_PREFIX}aside-"


def put(content: Path, digest: bytes, target: Path, ours: Ours) -> bool:
    """Give a finished file its name, in place of one of ours; False where something else bears that name, which stays.

    Args:
        content: In the folder of the target, and gone from there afterwards; for an object, anywhere on this machine.
        digest: sha256 of the content.
        target: A file, or an `ObjectPath`.
        ours: Tells which files may be replaced.

    Raises:
        OSError: It cannot be written.
    """
    if digest_of(target) == digest:
        return True
    if isinstance(target, ObjectPath):
        return _put_object(content, digest, target, ours)
    if os.path.lexists(target) and not take_away(target, ours):
        return False
    try:
        rename_no_replace(bytes(content), bytes(target))
    except FileExistsError:
        return False
    sync_folder(target.parent)
    return True


def _put_object(content: Path, digest: bytes, target: Path, ours: Ours) -> bool:
    path, data = bytes(target), content.read_bytes()
    seen = stat_object(path)
    if seen is not None and not _is_ours(target, ours):
        return False
    try:
        replace_object(path, data, None if seen is None else seen.tag)
    except (FileExistsError, FileNotFoundError):
        # Sent twice, because the first answer was lost, it finds itself.
        return digest_of(target) == digest
    return True


def take_away(target: Path, ours: Ours) -> bool:
    """Take a file of ours away; False if something else bears its name, which stays.

    Raises:
        OSError: It cannot be taken away.
    """
    if not _is_ours(target, ours):
        return False
    if isinstance(target, ObjectPath):
        return _take_object_away(target, ours)
    aside = target.parent / f"{_ASIDE}{target.name}"
    if os.path.lexists(aside):
        _settle(aside, ours)
    with contextlib.suppress(FileNotFoundError):  # a person has just taken it away
        os.rename(target, aside)
        return _settle(aside, ours)
    return True


def _take_object_away(target: Path, ours: Ours) -> bool:
    seen = stat_object(bytes(target))
    if seen is not None:
        if not _is_ours(target, ours):
            return False
        try:
            delete_object(bytes(target), seen.tag)
        except FileExistsError:
            return False
    return True


def restore(folder: Path, ours: Ours) -> None:
    """Settle what a process that died had moved aside in a folder; of object storage there is nothing to settle."""
    if not isinstance(folder, ObjectPath):
        for aside in folder.glob(f"{_ASIDE}*"):
            _settle(aside, ours)


def _settle(aside: Path, ours: Ours) -> bool:
    """Take what was moved aside away if it is ours; else bring it back under its name, or the next one that is free."""
    if _is_ours(aside, ours):
        aside.unlink()
        return True
    name = os.fsencode(aside.name.removeprefix(_ASIDE))
    places = (os.path.join(bytes(aside.parent), numbered(name, n)) for n in count(1))
    while not _bring_back(aside, next(places)):
        pass
    return False


def _bring_back(aside: Path, place: bytes) -> bool:
    """Give what was moved aside a name; False if another file has it."""
    try:
        rename_no_replace(bytes(aside), place)
    except FileExistsError:
        if not os.path.samestat(os.lstat(place), aside.lstat()):
            return False
        aside.unlink()  # a process that died had given it that name already
    return True


def _is_ours(path: Path, ours: Ours) -> bool:
    digest = digest_of(path)
    return digest is not None and ours(digest)


def digest_of(path: Path) -> bytes | None:
    """sha256 of a regular file or an object, None for anything else."""
    try:
        if isinstance(path, ObjectPath):
            return file_digest(bytes(path))
        return file_digest(bytes(path)) if stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None
