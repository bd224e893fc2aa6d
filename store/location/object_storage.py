"""Storage in a bucket: what is promised by `Storage`, kept by objects."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import posixpath
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from store.errors import JournalBusy, LockHeld
from store.location.file_lock import me, shown
from store.location.lease import Lease, lease_note
from store.location.local_storage import LocalStorage
from store.location.object_cache import ObjectCache
from store.location.object_path import ObjectPath
from store.location.storage import Fingerprint, Storage, Write, default_store
from store.temporary_folders import Scratch

__all__ = ["TRUSTED_S", "ObjectStorage"]

TRUSTED_S = 5.0
"""For so long an object counts as unchanged."""

_BAD_FILE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST, errno.EINVAL, errno.ENOTDIR}
"""What is wrong with one object; other errors are those of the storage as a whole."""


class ObjectStorage(Storage[ObjectPath]):
    """Objects below `s3://bucket/`."""

    can_link = False
    keeps_open = True
    parallel_reads = 16
    poll_s = 3.0

    def normal(self, path: str) -> str:
        # A server would take `..` literally.
        return "s3://" + posixpath.normpath(path.removeprefix("s3://"))

    def open(self, path: bytes, *, links: bool = True) -> BinaryIO:
        self.check_allowed(path)
        return io.BytesIO(ObjectPath(path).read_bytes())

    def open_to_seek(self, path: bytes, known: Fingerprint | None) -> tuple[BinaryIO | None, Fingerprint]:
        """An object is asked now and then whether it is the same; what is read of another one is refused by its tag."""
        self.check_allowed(path)
        now_s = time.monotonic()
        if known and now_s - known.asked_s <= TRUSTED_S:
            return None, known
        seen = Fingerprint(ObjectPath(path).stat(), now_s)
        return (None if known and known.identity == seen.identity else ObjectPath(path).open()), seen

    def head(self, path: bytes, size: int) -> bytes:
        return ObjectPath(path).head(size)

    def exists(self, path: bytes) -> bool:
        try:
            return bool(ObjectPath(path).modified_ns())
        except OSError:
            return False

    def may_exist(self, path: bytes) -> bool:
        return True

    def modified_ns(self, path: bytes) -> int:
        return ObjectPath(path).modified_ns()

    def copy_metadata(self, source: bytes, copy: bytes, *, owner: bool) -> None:
        os.utime(copy, ns=(ObjectPath(source).modified_ns(),) * 2)

    def is_outage(self, error: OSError) -> bool:
        return error.errno not in _BAD_FILE

    def is_folder(self, path: bytes) -> bool:
        return ObjectPath(path).is_dir()

    mounted = is_folder

    def folders_in(self, path: bytes, *, links: bool) -> list[bytes]:
        return [entry.name for page in ObjectPath(path).pages() for entry in page if entry.folder]

    def existing_folder(self, path: ObjectPath) -> ObjectPath:
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no object below that prefix", str(path))
        return path

    def output_folder(self, path: ObjectPath) -> ObjectPath:
        real = ObjectPath(self.real(str(path)))
        real.is_dir()  # or it raises
        return real

    def need_writable(self, path: ObjectPath) -> None:
        trial = path / ".oshiwake" / "trial"
        trial.write_bytes(b"")
        trial.unlink()

    @contextlib.contextmanager
    def unfinished(self, path: ObjectPath) -> Iterator[Path]:
        with Scratch() as scratch:
            yield scratch.path / path.name

    @contextlib.contextmanager
    def new_file(self, path: ObjectPath, *, replace: bool) -> Iterator[Path]:
        with self.unfinished(path) as temporary:
            yield temporary
            path.write(temporary.read_bytes(), new=not replace)

    def new_files(self, paths: Sequence[ObjectPath], write: Write, *, replace: bool = True) -> None:
        for number, path in enumerate(paths):
            with self.new_file(path, replace=replace) as temporary:
                write(temporary, number)

    def parquet_source(self, path: ObjectPath) -> Path | BinaryIO:
        return io.BytesIO(path.read_bytes())

    def files_below(self, folder: ObjectPath) -> Iterator[tuple[ObjectPath, int]]:
        for page in folder.pages():
            for found in filter(lambda entry: entry.name, page):
                path = folder / os.fsdecode(found.name)
                yield from self.files_below(path) if found.folder else [(path, found.size)]

    def remove_folder(self, folder: ObjectPath) -> None:
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                path.unlink()

    @contextlib.contextmanager
    def hold(self, path: ObjectPath, what: str) -> Iterator[Callable[[], None]]:
        try:
            lease = Lease(path, 0.0, note=me())
        except JournalBusy as error:
            raise LockHeld(f"{what} by {self.holder(path) or 'another process'}") from error
        try:
            yield lease.check
        finally:
            lease.release()

    def holder(self, path: ObjectPath) -> str | None:
        note = lease_note(path)
        return None if note is None else shown(note)

    def logs(self, folder: ObjectPath, *below: str) -> Path:
        return default_store().joinpath("logs", *below)

    @contextlib.contextmanager
    def fetching_once(self, folder: ObjectPath) -> Iterator[ObjectPath]:
        with contextlib.closing(ObjectCache()) as cache:
            yield ObjectPath(str(folder), cache)

    def local_copy(self, path: ObjectPath, to: str) -> Path:
        fetched = default_store() / to / path.name
        if not fetched.exists():
            fetched.parent.mkdir(parents=True, exist_ok=True)
            with LocalStorage().new_file(fetched, replace=True) as temporary:
                temporary.write_bytes(path.read_bytes())
        return fetched
