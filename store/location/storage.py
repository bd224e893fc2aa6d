"""The protocol of a storage: all that a folder of this machine and a bucket do in different ways.

Pictures are named by their paths as bytes, for there may be millions of them; files of a store by a `Location`. All
that fails raises OSError with an errno and a line for a person.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias, TypeVar

from store.location.object_path import ObjectPath

__all__ = ["Allowlist", "Fingerprint", "Location", "Storage", "Write", "default_store"]

Location: TypeAlias = Path | ObjectPath
P = TypeVar("P", Path, ObjectPath)
Write: TypeAlias = Callable[[Path, int], None]


def default_store() -> Path:
    """`oshiwake` in the user's data folder, as the XDG base directory specification says."""
    data = os.environ.get("XDG_DATA_HOME", "")
    # The specification: a relative path is invalid and to be ignored.
    home = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return home / "oshiwake"


class Allowlist(Protocol):
    """The folders in which a machine stays, see `store.roots`."""

    def admits(self, real_path: str) -> bool:
        """Whether a path without symbolic links lies inside."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells that a file is still the same, and when that was asked, in monotonic seconds."""

    identity: object
    asked_s: float = 0.0


class Storage(Protocol[P]):
    """A folder or a bucket.

    Attributes:
        can_link: Whether files can be linked and moved.
        keeps_open: Whether a file that is open to seek in stays open while nobody reads it.
        parallel_reads: Files that are worth fetching at once, because each takes its time on the way.
        poll_s: How often a run is looked at while it is running; 0 where a look costs nothing.
    """

    can_link: bool
    keeps_open: bool
    parallel_reads: int
    poll_s: float
    _allowed: Allowlist | None

    def __init__(self, allowed: Allowlist | None = None) -> None:
        self._allowed = allowed

    @property
    def confined(self) -> bool:
        """Whether it keeps to a list of folders."""
        return self._allowed is not None

    def admits(self, real_path: bytes) -> bool:
        """Whether a path without symbolic links is allowed; every path is where there is no list."""
        return self._allowed is None or self._allowed.admits(os.fsdecode(real_path))

    def check_allowed(self, real_path: bytes) -> None:
        """Raise PermissionError where it is not."""
        if not self.admits(real_path):
            raise PermissionError(errno.EACCES, "it leads out of this machine's roots (OSHIWAKE_ROOTS)", real_path)

    def normal(self, path: str) -> str:
        """A path without `..` and the like; symbolic links are not followed."""

    def real(self, path: str) -> str:
        """The same without symbolic links."""
        return self.normal(path)

    # Pictures.

    def open(self, path: bytes, *, links: bool = True) -> BinaryIO:
        """Open a regular file for reading; with `links`, a symbolic link at its end is followed.

        Of anything else not one byte is waited for. An object is fetched whole.

        Raises:
            PermissionError: It lies outside what is allowed; not one byte is read.
        """

    def open_to_seek(self, path: bytes, known: Fingerprint | None) -> tuple[BinaryIO | None, Fingerprint]:
        """Open a file to read here and there; None for one that is known and has not changed, where that is cheaper."""

    def head(self, path: bytes, size: int) -> bytes:
        """The first bytes of a file."""

    def exists(self, path: bytes) -> bool:
        """Whether a file is there; also False where nobody can tell now."""

    def may_exist(self, path: bytes) -> bool:
        """Whether a placed file may be there still, as far as a look costs nothing."""

    def modified_ns(self, path: bytes) -> int:
        """When a file was last changed, in nanoseconds since the epoch."""

    def copy_metadata(self, source: bytes, copy: bytes, *, owner: bool) -> None:
        """Give a copy on this machine the times and permissions of its source; its owner too, if that is possible."""

    def is_outage(self, error: OSError) -> bool:
        """Whether an error is one of the storage, and will be the same for every file."""

    # Folders of pictures.

    def is_folder(self, path: bytes) -> bool:
        """Whether there is such a folder."""

    def mounted(self, path: bytes) -> bool:
        """Whether this machine sees a folder with something in it; an empty one is where nothing is mounted."""

    def folders_in(self, path: bytes, *, links: bool) -> list[bytes]:
        """The names of the folders in a folder; `links` to folders among them."""

    def existing_folder(self, path: P) -> P:
        """The real form of a folder that must be there."""

    def output_folder(self, path: P) -> P:
        """The real form of a folder that is there, or can be made."""

    def need_writable(self, path: P) -> None:
        """Make sure that this process may write to a folder, or make it."""

    # Files of a store.

    def unfinished(self, path: P) -> AbstractContextManager[Path]:
        """A temporary file of this machine for what `path` will be, taken away at the end if it is still there."""

    def new_file(self, path: P, *, replace: bool) -> AbstractContextManager[Path]:
        """See `store.files.new_file`."""

    def new_files(self, paths: Sequence[P], write: Write, *, replace: bool = True) -> None:
        """Write several files of one folder and put them in place in order: whatever dies when, the first stand.

        Each is written by a call with its temporary path and its index.

        Raises:
            FileExistsError: Without `replace`, at the first that stands; those before it are in place.
        """

    def parquet_source(self, path: P) -> Path | BinaryIO:
        """What readers of Parquet take who need a part of a file."""

    def clean_up(self, folder: P, *, below: bool = True) -> None:
        """Take away the unfinished files in a folder, and below it, whose writers have died.

        On a file system without locks they stay: nobody can tell there. Objects are never unfinished.
        """
        return

    def files_below(self, folder: P) -> Iterator[tuple[P, int]]:
        """Every file below a folder with its size in bytes; nothing if there is no folder. Links are not followed."""

    def remove_empty_folders(self, folder: P) -> None:
        """Remove the empty folders below a folder, and the folder itself if it is empty then; prefixes are never."""
        return

    def remove_folder(self, folder: P) -> None:
        """Take a folder away with all that is in it, as far as that can be done."""

    def hold(self, path: P, what: str) -> AbstractContextManager[Callable[[], None]]:
        """Hold a lock, for `run X is being listed`; gives what makes sure, from time to time, that it is still held.

        Raises:
            LockHeld: Another process holds it. The message says what and which.
            DamagedStore: Something else than a lock stands there.
        """

    def holder(self, path: P) -> str | None:
        """Who holds a lock: `process 4711 on kiwi since 2026-11-23 04:12`; None where nobody does.

        Raises:
            DamagedStore: Something else than a lock stands there.
        """

    def logs(self, folder: P, *below: str) -> Path:
        """Where this machine writes logs: in the folder, or, for object storage, by names in the user's data folder."""

    def fetching_once(self, folder: P) -> AbstractContextManager[P]:
        """The same folder for a while in which no listing and no shard below it is fetched twice."""

    def local_copy(self, path: P, to: str) -> Path:
        """A file of this machine with the same content, fetched into a folder of the user's data where it must be."""
