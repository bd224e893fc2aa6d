"""Storage in folders of this machine: what is promised by `Storage`, kept by renames, syncs and locks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from store.durability import TEMPORARY_PREFIX, naming, sync_file, sync_folder, temporary_beside
from store.location import file_lock
from store.location.storage import Fingerprint, Storage, Write
from store.rename_no_replace import rename_no_replace

__all__ = ["LocalStorage", "real_path"]

_SYNCING = 4
"""Threads that wait for the disk."""


class LocalStorage(Storage[Path]):
    """Files and folders, over whatever file system."""

    can_link = True
    keeps_open = False
    parallel_reads = 0
    poll_s = 0.0

    def normal(self, path: str) -> str:
        return os.path.normpath(path)

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def open(self, path: bytes, *, links: bool = True) -> BinaryIO:
        """The file is opened first, then the kernel is asked which one it is: a link may take its place meanwhile."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            if self.confined:
                self.check_allowed(real_path(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return open(descriptor, "rb")

    def open_to_seek(self, path: bytes, known: Fingerprint | None) -> tuple[BinaryIO | None, Fingerprint]:
        file = self.open(path)
        status = os.fstat(file.fileno())
        return file, Fingerprint((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))

    def head(self, path: bytes, size: int) -> bytes:
        with open(path, "rb") as file:
            return file.read(size)

    def exists(self, path: bytes) -> bool:
        return os.path.exists(path)

    def may_exist(self, path: bytes) -> bool:
        return os.path.lexists(path)

    def modified_ns(self, path: bytes) -> int:
        return os.stat(path).st_mtime_ns

    def copy_metadata(self, source: bytes, copy: bytes, *, owner: bool) -> None:
        if owner:
            status = os.stat(source)
            with contextlib.suppress(PermissionError):  # only root can give files away
                os.chown(copy, status.st_uid, status.st_gid)
        shutil.copystat(source, copy)

    def is_outage(self, error: OSError) -> bool:
        return False

    def is_folder(self, path: bytes) -> bool:
        return os.path.isdir(path)

    def mounted(self, path: bytes) -> bool:
        try:
            with os.scandir(path) as entries:
                return next(entries, None) is not None
        except PermissionError:
            return True  # it may be entered all the same
        except OSError:
            return False

    def folders_in(self, path: bytes, *, links: bool) -> list[bytes]:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=links)]

    def existing_folder(self, path: Path) -> Path:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "the folder does not exist", path)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{path} is not a folder", path)
        return _resolved(path)

    def output_folder(self, path: Path) -> Path:
        nearest = _nearest(path := _resolved(path))
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{nearest} is not a folder", path)
        return path

    def need_writable(self, path: Path) -> None:
        if not os.access(nearest := _nearest(path), os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"you may not write to {nearest}", path)

    @contextlib.contextmanager
    def unfinished(self, path: Path) -> Iterator[Path]:
        """It lies beside `path`, locked as long as its writer lives; so `clean_up` knows what the dead have left."""
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
    def new_file(self, path: Path, *, replace: bool) -> Iterator[Path]:
        with self.unfinished(path) as temporary:
            yield temporary
            sync_file(temporary)
            _put(temporary, path, replace)
        sync_folder(path.parent)

    def new_files(self, paths: Sequence[Path], write: Write, *, replace: bool = True) -> None:
        """Waiting for the disk is what writing small files costs; here they wait together."""
        with contextlib.ExitStack() as stack:
            temporaries = [stack.enter_context(self.unfinished(path)) for path in paths]
            for number, temporary in enumerate(temporaries):
                write(temporary, number)
            with ThreadPoolExecutor(_SYNCING) as pool:
                for _ in pool.map(sync_file, temporaries):
                    pass
            for temporary, path in zip(temporaries, paths, strict=True):
                _put(temporary, path, replace)
        sync_folder(paths[0].parent)

    def parquet_source(self, path: Path) -> Path | BinaryIO:
        return path

    def clean_up(self, folder: Path, *, below: bool = True) -> None:
        for path in (folder.rglob if below else folder.glob)(f"{TEMPORARY_PREFIX}*.part"):
            with contextlib.suppress(OSError):  # it is being written, or gone meanwhile
                descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                finally:
                    os.close(descriptor)

    def files_below(self, folder: Path) -> Iterator[tuple[Path, int]]:
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from self.files_below(Path(entry.path))
                else:
                    with contextlib.suppress(FileNotFoundError):  # deleted since
                        yield Path(entry.path), entry.stat(follow_symlinks=False).st_size

    def remove_empty_folders(self, folder: Path) -> None:
        for path, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # not empty
                os.rmdir(path)

    def remove_folder(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    hold = staticmethod(file_lock.hold)
    holder = staticmethod(file_lock.holder)

    def logs(self, folder: Path, *below: str) -> Path:
        return folder / "logs"

    def fetching_once(self, folder: Path) -> AbstractContextManager[Path]:
        return contextlib.nullcontext(folder)

    def local_copy(self, path: Path, to: str) -> Path:
        return path


def real_path(descriptor: int) -> bytes:
    """Where an open file or folder really is, as the kernel has it: an absolute path without symbolic links.

    Raises:
        OSError: This system does not tell.
    """
    if sys.platform == "darwin":
        return fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")
    try:
        return os.readlink(b"/proc/self/fd/%d" % descriptor)
    except FileNotFoundError:
        raise OSError(errno.ENOSYS, "without /proc it cannot be told where a file lies") from None


def _put(temporary: Path, path: Path, replace: bool) -> None:
    if replace:
        os.replace(temporary, path)
    else:
        rename_no_replace(bytes(temporary), bytes(path))


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # a loop of symbolic links, before Python 3.13
        raise OSError(errno.ELOOP, str(error), path) from error


def _nearest(path: Path) -> Path:
    """The innermost folder on the way to a path that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
