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

from store.durability import TEMPORARY_PREFIX, sync_folder
from store.location import Location, ObjectPath, choose
from store.rename_no_replace import rename_no_replace
from workers.fileops.primitives import digest_or_none
from workers.naming import numbered

__all__ = ["Ours", "put", "recover", "remove"]

Ours = Callable[[bytes], bool]
"""Whether a file with this sha256 is one that we have put there."""

_ASIDE = f"{TEMPORARY_PREFIX}aside-"


def put(content: Path, digest: bytes, target: Location, ours: Ours) -> bool:
    """Give a finished file its name, in place of one of ours; False where another file has that name, which stays.

    Args:
        content: In the folder of the target, and gone from there afterwards; for an object, anywhere on this machine.
        digest: sha256 of the content.
        target: Where it shall stand.
        ours: Tells which files may be replaced.

    Raises:
        OSError: It cannot be written.
    """
    if digest_or_none(bytes(target)) == digest:
        return True
    return choose(
        target,
        lambda file: _put_file(content, file, ours),
        lambda file: _put_object(content, digest, file, ours),
    )


def _put_file(content: Path, target: Path, ours: Ours) -> bool:
    if os.path.lexists(target) and not remove(target, ours):
        return False
    try:
        rename_no_replace(bytes(content), bytes(target))
    except FileExistsError:
        return False
    sync_folder(target.parent)
    return True


def _put_object(content: Path, digest: bytes, target: ObjectPath, ours: Ours) -> bool:
    found = target.stat()
    if found is not None and not _is_ours(target, ours):
        return False
    try:
        target.replace(content.read_bytes(), None if found is None else found.tag)
    except (FileExistsError, FileNotFoundError):
        # A request that is repeated because its answer was lost finds its own object.
        return digest_or_none(bytes(target)) == digest
    return True


def remove(target: Location, ours: Ours) -> bool:
    """Remove a file of ours; False if another file has its name, which stays.

    Raises:
        OSError: It cannot be removed.
    """
    if not _is_ours(target, ours):
        return False
    return choose(target, lambda file: _remove_file(file, ours), lambda file: _remove_object(file, ours))


def _remove_file(target: Path, ours: Ours) -> bool:
    aside = target.parent / f"{_ASIDE}{target.name}"
    if os.path.lexists(aside):
        _settle(aside, ours)
    with contextlib.suppress(FileNotFoundError):  # a person has just removed it
        os.rename(target, aside)
        return _settle(aside, ours)
    return True


def _remove_object(target: ObjectPath, ours: Ours) -> bool:
    found = target.stat()
    if found is not None:
        if not _is_ours(target, ours):
            return False
        try:
            target.delete(found.tag)
        except FileExistsError:
            return False
    return True


def recover(folder: Location, ours: Ours) -> None:
    """Settle what a killed process had moved aside in a folder; in object storage nothing is moved aside."""
    choose(folder, lambda place: [_settle(aside, ours) for aside in place.glob(f"{_ASIDE}*")], lambda _: [])


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


def _is_ours(path: Location, ours: Ours) -> bool:
    digest = digest_or_none(bytes(path))
    return digest is not None and ours(digest)
