"""Files of ours in the output that are replaced and removed, such as the report; never a file of a person's.

A person may save a file under the same name between a look and the replacement. So what bears the name is moved aside
first, and compared there: a file of ours is removed, anything else comes back. What a killed process left aside, the
next one brings back (`recover`). In object storage the server makes sure that what was compared is what is replaced.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from store.files import TEMPORARY_PREFIX, sync_folder
from store.location import ObjectPath
from store.object_storage import delete_object, replace_object, stat_object
from store.rename_no_replace import rename_no_replace
from workers.fileops.primitives import digest_or_none
from workers.naming import numbered

__all__ = ["Ours", "put", "recover", "remove"]

Ours = Callable[[bytes], bool]
"""Whether a file with this sha256 is one that we have put there."""

_ASIDE = f"{TEMPORARY_PREFIX}aside-"


def put(content: Path, digest: bytes, target: Path, ours: Ours) -> bool:
    """Give a finished file its name, in place of one of ours; False where another file has that name, which stays.

    Args:
        content: In the folder of the target, and gone from there afterwards; for an object, anywhere on this machine.
        digest: sha256 of the content.
        target: A file, or an `ObjectPath`.
        ours: Tells which files may be replaced.

    Raises:
        OSError: It cannot be written.
    """
    if digest_or_none(bytes(target)) == digest:
        return True
    if isinstance(target, ObjectPath):
        return _put_object(content, digest, target, ours)
    if os.path.lexists(target) and not remove(target, ours):
        return False
    try:
        rename_no_replace(bytes(content), bytes(target))
    except FileExistsError:
        return False
    sync_folder(target.parent)
    return True


def _put_object(content: Path, digest: bytes, target: Path, ours: Ours) -> bool:
    path, data = bytes(target), content.read_bytes()
    found = stat_object(path)
    if found is not None and not _is_ours(target, ours):
        return False
    try:
        replace_object(path, data, None if found is None else found.tag)
    except (FileExistsError, FileNotFoundError):
        # A request that is repeated because its answer was lost finds its own object.
        return digest_or_none(path) == digest
    return True


def remove(target: Path, ours: Ours) -> bool:
    """Remove a file of ours; False if another file has its name, which stays.

    Raises:
        OSError: It cannot be removed.
    """
    if not _is_ours(target, ours):
        return False
    if isinstance(target, ObjectPath):
        return _remove_object(target, ours)
    aside = target.parent / f"{_ASIDE}{target.name}"
    if os.path.lexists(aside):
        _settle(aside, ours)
    with contextlib.suppress(FileNotFoundError):  # a person has just removed it
        os.rename(target, aside)
        return _settle(aside, ours)
    return True


def _remove_object(target: Path, ours: Ours) -> bool:
    found = stat_object(bytes(target))
    if found is not None:
        if not _is_ours(target, ours):
            return False
        try:
            delete_object(bytes(target), found.tag)
        except FileExistsError:
            return False
    return True


def recover(folder: Path, ours: Ours) -> None:
    """Settle what a killed process had moved aside in a folder; in object storage nothing is moved aside."""
    if not isinstance(folder, ObjectPath):
        for aside in folder.glob(f"{_ASIDE}*"):
            _settle(aside, ours)


def _settle(aside: Path, ours: Ours) -> bool:
    """Remove what was moved aside if it is ours; else bring it back under its name, or the next one that is free."""
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
        aside.unlink()  # a killed process had given it that name already
    return True


def _is_ours(path: Path, ours: Ours) -> bool:
    digest = digest_or_none(bytes(path))
    return digest is not None and ours(digest)
