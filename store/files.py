"""Atomic writes: a reader sees the old file or the new one, whole, whatever dies when."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from store.errors import DamagedStore, NewerSchema
from store.location import ObjectPath
from store.object_storage import list_folder, write_object
from store.rename_no_replace import rename_no_replace
from store.temporary_folders import Scratch

__all__ = [
    "SCHEMA",
    "clean_up",
    "files_below",
    "names_in",
    "naming",
    "new_file",
    "new_files",
    "read_json",
    "read_json_if_there",
    "remove_empty_folders",
    "remove_folder",
    "sync_file",
    "sync_files",
    "sync_folder",
    "sync_folders",
    "temporary_beside",
    "unfinished",
    "write_json",
]

SCHEMA = 1
"""Version of everything this package writes. A higher number in a file means: keep off."""

_MANY_FOLDERS = 16
"""From so many on, one call for the whole file system is quicker than one for each folder."""

TEMPORARY_PREFIX = ".oshiwake-"
"""Names of unfinished files begin so."""


def temporary_beside(path: Path) -> Path:
    """A name in the same folder, never used before, for the unfinished form of `path`."""
    return path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part"


@contextlib.contextmanager
def new_file(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; put it in place of `path`, on disk for good, when the block ends well.

    Raises:
        FileExistsError: Without `replace`, where something stands there.
    """
    if isinstance(path, ObjectPath):
        with Scratch() as scratch:
            temporary = scratch.path / path.name
            yield temporary
            write_object(bytes(path), temporary.read_bytes(), new=not replace)
        return
    with unfinished(path) as temporary:
        yield temporary
        sync_file(temporary)
        _put(temporary, path, replace)
    sync_folder(path.parent)


def _put(temporary: Path, path: Path, replace: bool) -> None:
    if replace:
        os.replace(temporary, path)
    else:
        rename_no_replace(bytes(temporary), bytes(path))


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, taken away at the end if it is still there.

    It is locked as long as its writer lives; that is how `clean_up` knows what the dead have left.
    """
    temporary = temporary_beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with contextlib.suppress(OSError):  # file systems without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with naming(path):
            yield temporary
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """An error of the system in the block, such as a full disk, names this file if it names none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or os.fspath(path)
        raise


def clean_up(folder: Path, *, below: bool = True) -> None:
    """Take away the unfinished files in a folder, and below it, whose writers have died.

    On a file system without locks they stay: nobody can tell there. Objects are never unfinished.
    """
    if isinstance(folder, ObjectPath):
        return
    for path in (folder.rglob if below else folder.glob)(f"{TEMPORARY_PREFIX}*.part"):
        with contextlib.suppress(OSError):  # it is being written, or gone meanwhile
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def new_files(
    paths: Sequence[Path], write: Callable[[Path, int], None], threads: int = 4, *, replace: bool = True
) -> None:
    """Write several files of one folder and put them in place in order: whatever dies when, the first of them stand.

    Waiting for the disk is what writing small files costs; here they wait together.

    Args:
        paths: The files.
        write: Writes one of them, told its temporary path and its index.
        threads: How many wait for the disk.
        replace: Take the place of files that stand.

    Raises:
        FileExistsError: Without `replace`, at the first that stands; those before it are in place.
    """

    if isinstance(paths[0], ObjectPath):
        for number, path in enumerate(paths):
            with new_file(path, replace=replace) as temporary:
                write(temporary, number)
        return

    with contextlib.ExitStack() as stack:
        temporaries = [stack.enter_context(unfinished(path)) for path in paths]
        for number, temporary in enumerate(temporaries):
            write(temporary, number)
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(sync_file, temporaries):
                pass
        for temporary, path in zip(temporaries, paths, strict=True):
            _put(temporary, path, replace)
    sync_folder(paths[0].parent)


def names_in(folder: Path) -> set[str]:
    """What a folder holds, by name; nothing where there is none."""
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def files_below(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder with its size in bytes; nothing if there is no folder. Links are not followed."""
    if isinstance(folder, ObjectPath):
        for page in list_folder(bytes(folder)):
            for found in filter(lambda entry: entry.name, page):
                path = cast(Path, folder / os.fsdecode(found.name))
                yield from files_below(path) if found.folder else [(path, found.size)]
        return
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(Path(entry.path))
            else:
                with contextlib.suppress(FileNotFoundError):  # deleted since
                    yield Path(entry.path), entry.stat(follow_symlinks=False).st_size


def remove_empty_folders(folder: Path) -> None:
    """Remove the empty folders below a folder, and the folder itself if it is empty then."""
    if not isinstance(folder, ObjectPath):
        for path, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # not empty
                os.rmdir(path)


def remove_folder(folder: Path) -> None:
    """Take a folder away with all that is in it, as far as that can be done."""
    if not isinstance(folder, ObjectPath):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            path.unlink()


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_files(folder: Path, files: Collection[Path]) -> None:
    """Make the contents of files in one folder durable; many at once by one call for their file system."""
    if len(files) > _MANY_FOLDERS and _sync_file_systems([folder]):
        return
    for file in files:
        sync_file(file)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; file systems that cannot do so are left alone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def sync_folders(folders: Collection[Path]) -> None:
    """Make the names in several folders durable; many at once by one call for their file system, where there is one."""
    if len(folders) > _MANY_FOLDERS and _sync_file_systems(folders):
        return
    for folder in folders:
        sync_folder(folder)


def _sync_file_systems(folders: Iterable[Path]) -> bool:
    """Write out the file systems that hold the folders; tell whether that was done."""
    if sys.platform != "linux":
        return False
    of_each = {folder.stat().st_dev: folder for folder in folders}
    library = ctypes.CDLL(None, use_errno=True)
    for folder in of_each.values():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if library.syncfs(descriptor) != 0:
                return False
        finally:
            os.close(descriptor)
    return True


def write_json(path: Path, value: dict[str, Any], *, replace: bool = True) -> None:
    """Write an object with the schema version, atomically. Lone surrogates (odd file names) survive the way back.

    Raises:
        FileExistsError: Without `replace`, where something stands there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, replace=replace) as temporary:
        temporary.write_text(json.dumps({"schema": SCHEMA, **value}, indent=1), encoding="ascii")


def read_json(path: Path) -> dict[str, Any]:
    """Read an object that `write_json` wrote.

    Raises:
        DamagedStore: The file is missing or no such object.
        NewerSchema: A newer program wrote it.
    """
    value = read_json_if_there(path)
    if value is None:
        raise DamagedStore(f"{path}: No such file or directory")
    return value


def read_json_if_there(path: Path) -> dict[str, Any] | None:
    """The same, or None where there is no such file.

    Raises:
        DamagedStore: There is one, and it is no such object.
        NewerSchema: A newer program wrote it.
    """
    try:
        value = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedStore(f"{path}: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("schema"), int):
        raise DamagedStore(f"{path}: not a file of this program")
    check_schema(value.pop("schema"), path)
    return value


def check_schema(found: int, path: Path) -> None:
    """Refuse what a newer program wrote.

    Raises:
        NewerSchema: `found` is higher than `SCHEMA`.
    """
    if found > SCHEMA:
        raise NewerSchema(f"{path}: schema {found}; this Oshiwake knows up to {SCHEMA}. Please upgrade Oshiwake")
