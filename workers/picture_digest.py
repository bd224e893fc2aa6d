"""Which picture a path names: sha256 of its bytes, of a plain file, an object, or a member of an archive file."""

from __future__ import annotations

import hashlib
import os

from store.location import location, storage_of
from workers.archive_file import BROKEN_ARCHIVE, find_member, open_archive
from workers.fileops.primitives import file_digest

__all__ = ["picture_digest"]


def picture_digest(path: str) -> str:
    """The hexadecimal sha256 of a picture: a path, an address of an object, or `book.cbz!/page.png`.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    place = bytes(location(path))
    if not storage_of(place).exists(place):
        book, mark, member = path.rpartition("!/")
        if mark:
            try:
                with open_archive(bytes(location(book))) as archive:
                    return hashlib.sha256(archive.read(find_member(archive, os.fsencode(member)))).hexdigest()
            except BROKEN_ARCHIVE as error:
                raise OSError(None, f"no such picture in the archive file ({error})", path) from error
    return file_digest(place).hex()
