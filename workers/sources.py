"""From a listed file to its bytes, wherever they are: a plain file, a member of a .zip or .cbz, a frame of a ugoira."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from typing import Any, BinaryIO

from model.errors import PictureError, UnreadablePicture, UnsupportedPicture
from model.images.formats import SNIFF_BYTES, not_supported, picture_suffixes, sniff
from store.listing import Listed
from store.location import Storage, choose, location, storage_of
from workers.archive_file import BROKEN_ARCHIVE, ArchiveFile, find_member, open_archive
from workers.ugoira import frames_of, may_be_ugoira, representative

__all__ = ["Content", "Sources", "TransientFailure"]

_LASTING = {errno.ENAMETOOLONG, None}
"""Errors that will be the same next time, unless the file changes; None: bad data in an archive file. All others may
pass although it has not changed: a share is mounted again, a file comes back."""

_GONE = {errno.ENOENT, errno.ENOTDIR}
"""The file was moved or deleted, or it lies on a share that this machine has not mounted now."""


class TransientFailure(UnreadablePicture):
    """The file cannot be read now, and may be readable next time although it has not changed."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Attributes:
        picture: The bytes of the picture; of a ugoira, those of the frame by which it is judged.
        digest: sha256 of the whole file, or of the member.
    """

    picture: bytes
    digest: bytes


@dataclass
class Sources:
    """Opens the files of one part. Threads may share it.

    Attributes:
        root: Absolute path of the part's root.
        max_bytes: Files larger than this are refused before they are read.
        storage: In which it lies; a confined one refuses files outside as well, whatever led there.
    """

    root: bytes
    max_bytes: int = 1 << 30
    storage: Storage[Any] | None = None

    def __post_init__(self) -> None:
        self._storage = self.storage or storage_of(self.root)
        self._read = choose(location(self.root), lambda _: self._plain, lambda _: self._object)

    def read(self, listed: Listed) -> Content:
        """The whole content of a file that shows itself to be a picture.

        Of anything else only the first bytes are read: an archive holds films too.

        Raises:
            UnsupportedPicture: Its content is no picture, nor does its name claim so.
            UnreadablePicture: It claims to be a picture and is none, or cannot be opened, or is too large.
            TransientFailure: It cannot be opened now.
        """
        try:
            _need_below(listed.path)
            if listed.member:
                return _content(self._member(listed))
            return self._read(listed)
        except PictureError:
            raise
        except OSError as error:
            kind = UnreadablePicture if error.errno in _LASTING else TransientFailure
            raise kind(_say(error)) from error
        except BROKEN_ARCHIVE as error:
            raise UnreadablePicture(f"cannot be read from the archive file: {error}") from error

    def _plain(self, listed: Listed) -> Content:
        with self._storage.open(os.path.join(self.root, listed.path)) as file:
            self._check_size(os.fstat(file.fileno()).st_size)
            head = os.pread(file.fileno(), SNIFF_BYTES, 0)
            if _may_be_ugoira(head, listed.path):
                return self._ugoira(file, listed.path)
            _need_picture(head, listed.path)
            return _content(file.read())  # all at once: joined to a beginning it would be copied

    def _object(self, listed: Listed) -> Content:
        """One request for what claims to be a picture; of anything else the beginning is fetched first."""
        path = os.path.join(self.root, listed.path)
        self._check_size(listed.size)
        if listed.size and not _claims_picture(listed.path):
            head = self._storage.head(path, SNIFF_BYTES)
            if not _may_be_ugoira(head, listed.path):
                _need_picture(head, listed.path)
        with self._storage.open(path) as file:
            data = file.read()
        self._check_size(len(data))
        if _may_be_ugoira(data[:SNIFF_BYTES], listed.path):
            return self._ugoira(io.BytesIO(data), listed.path)
        _need_picture(data[:SNIFF_BYTES], listed.path)
        return _content(data)

    def _ugoira(self, file: BinaryIO, path: bytes) -> Content:
        """An animation is listed as one file; the bytes of one frame are its picture."""
        digest = hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]
        with ArchiveFile(file) as archive:
            frames = frames_of(archive, path)
            if not frames:
                raise UnsupportedPicture("not a picture of a known format")
            entry = representative(frames)
            return Content(self._entry(archive, entry, os.fsencode(entry.filename)), digest)

    def _member(self, listed: Listed) -> bytes:
        with open_archive(os.path.join(self.root, listed.path), self._storage) as archive:
            return self._entry(archive, find_member(archive, listed.member), listed.member)

    def _entry(self, archive: ArchiveFile, info: zipfile.ZipInfo, name: bytes) -> bytes:
        """The picture in an entry of an archive file."""
        self._check_size(info.file_size)
        if info.flag_bits & 0x1:
            raise UnreadablePicture("it is encrypted in the archive file")
        with archive.open(info) as file:
            head = file.read(SNIFF_BYTES)
            _need_picture(head, name)
            # One byte more than promised is enough to see that the entry lies about its size.
            data = head + file.read(max(0, info.file_size - len(head)) + 1)
        if len(data) > info.file_size:
            raise UnreadablePicture("its size is not what the archive file says")
        return data

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise UnreadablePicture(f"{size:,} bytes: more than the limit of {self.max_bytes:,} bytes")


def _content(data: bytes) -> Content:
    """A file that is one picture."""
    return Content(data, hashlib.sha256(data).digest())


def _may_be_ugoira(head: bytes, path: bytes) -> bool:
    return head.startswith(b"PK\3\4") and may_be_ugoira(path)


def _need_below(path: bytes) -> None:
    """No scan lists such a path; whoever wrote it into a listing wants something else read."""
    if path.startswith(b"/") or b".." in path.split(b"/"):
        raise UnreadablePicture("its path leads out of the folder that was scanned")


def _need_picture(head: bytes, name: bytes) -> None:
    """Tell a picture by its first bytes; a file that only claims to be one deserves a person's attention."""
    if sniff(head) is not None:
        return
    if reason := not_supported(head, name):
        raise UnsupportedPicture(reason)
    if not _claims_picture(name):
        raise UnsupportedPicture("not a picture of a known format")
    raise UnreadablePicture(
        f"no picture inside, although its name ends in {_suffix(name)}" if head else "the file is empty"
    )


def _claims_picture(name: bytes) -> bool:
    return _suffix(name) in picture_suffixes()


def _suffix(name: bytes) -> str:
    return os.path.splitext(name)[1].lower().decode("ascii", "replace")


def _say(error: OSError) -> str:
    if error.errno in _GONE:
        return "it was there at the scan and is gone"
    return (error.strerror or str(error)).lower()
