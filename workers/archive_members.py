"""The members of a .zip or .cbz: each file inside it under a name of its own, the same whenever the file is read."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator

from workers.archive_encodings import decode_names

__all__ = ["name_members"]

_UTF8 = 0x800
"""The mark of an entry whose name is UTF-8."""

_UNICODE_PATH = 0x7075
"""The extra field of Info-ZIP that holds a name in UTF-8 beside the one in an older encoding."""

_SUFFIX = re.compile(r"(?s)(.*[^/])?(\.[^./]{0,15})")


def name_members(entries: Iterable[zipfile.ZipInfo]) -> dict[bytes, zipfile.ZipInfo]:
    """The files inside an archive file by their names in UTF-8, which are all different.

    A backslash separates folders like a slash. Of several entries with one name the last keeps it, as when all are
    unpacked; those before it are numbered: `a (2).png`. An entry without a name is left out.
    """
    files = [(name, entry) for name, entry in _named(list(entries)) if name and not name.endswith("/")]
    left = Counter(name for name, _ in files)
    taken = set(left)
    next_number = dict.fromkeys(left, 2)
    members: dict[bytes, zipfile.ZipInfo] = {}
    for name, entry in files:
        left[name] -= 1
        own = name
        while left[name] and own in taken:
            own = _numbered(name, next_number[name])
            next_number[name] += 1
        taken.add(own)
        members[own.encode()] = entry
    return members


def _numbered(name: str, number: int) -> str:
    match = _SUFFIX.fullmatch(name)
    stem, suffix = (match[1], match[2]) if match and match[1] else (name, "")
    return f"{stem} ({number}){suffix}"


def _named(entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Each entry with its name as text, `/` between folders."""
    texts = [_said(entry) for entry in entries]
    unsaid = iter(decode_names([_raw(entry) for entry, text in zip(entries, texts, strict=True) if text is None]))
    for entry, text in zip(entries, texts, strict=True):
        yield (next(unsaid) if text is None else text).replace("\\", "/"), entry


def _said(entry: zipfile.ZipInfo) -> str | None:
    """The name, where the entry says how it is encoded."""
    if entry.flag_bits & _UTF8:
        return entry.orig_filename.partition("\0")[0]
    return _unicode_path(entry)


def _raw(entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a name without the mark of UTF-8; what follows a NUL is not part of it."""
    return _stored(entry).partition(b"\0")[0]


def _stored(entry: zipfile.ZipInfo) -> bytes:
    return entry.orig_filename.encode("cp437")  # as which zipfile has read them; it has a character for every byte


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """The name in the extra field, if that was made for the present name: whoever renames may forget the field."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind != _UNICODE_PATH or len(field) < 5:
            continue
        version, checksum = struct.unpack_from("<BL", field)
        if version == 1 and checksum == zlib.crc32(_stored(entry)):
            try:
                return field[5:].decode().partition("\0")[0] or None
            except UnicodeDecodeError:
                return None
    return None
