"""Files and folders that a scan skips: those of the system, hidden, unfinished, or excluded by the user."""

from __future__ import annotations

import fnmatch
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from producer.errors import BadRequest
from store.part import ScanTotals

__all__ = ["NOTHING_ASKED", "Exclusion", "PassedOver", "unfinished"]

_SYSTEM = frozenset(
    name.encode()
    for name in (
        "__macosx",  # macOS, and its archive files
        "lost+found",  # ext4
        *("@eadir", "#recycle", "#snapshot"),  # Synology
        *("@recycle", "@recently-snapshot"),  # QNAP
        *(
            "$recycle.bin",
            "recycler",
            "system volume information",
            "thumbs.db",
            "ehthumbs.db",
            "desktop.ini",
        ),  # Windows
    )
)
"""Files and folders that systems create for themselves, in lower case: thumbnails, recycle bins, metadata."""

_HIDDEN_SYSTEM = re.compile(
    rb"""\._.*  # macOS: metadata that other file systems cannot store
    | \.(ds_store|appledouble|spotlight-v100|fseventsd|temporaryitems|documentrevisions-v100)
    | \.trash.* | \.thumbnails  # freedesktop.org
    | \.@__thumb  # QNAP
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""The hidden ones among them."""

_NO_NAMES = (b"", b".", b"..")

_BESIDE = b".aria2"
"""aria2 writes a file under its final name; `a.png.aria2` beside it says that it is incomplete."""

_UNFINISHED = (b".part", b".partial", b".crdownload", b".download", b".opdownload", b".!qb", b".!ut", b".tmp", _BESIDE)
"""Suffixes, in lower case, that programs give to incomplete files."""


@dataclass
class PassedOver:
    """What a scan has skipped so far; the content of a skipped folder is not counted.

    Attributes:
        folders: Folders.
        files: Files, members of archive files included.
        unfinished: Of these, files that are still being written; a later run finds them.
    """

    folders: int = 0
    files: int = 0
    unfinished: int = 0

    @classmethod
    def of(cls, totals: ScanTotals) -> PassedOver:
        """What a finished scan has skipped."""
        return cls(totals.passed_folders, totals.passed_files, totals.passed_unfinished)


@dataclass(frozen=True)
class Exclusion:
    """Which files and folders a scan skips.

    Patterns are those of `.gitignore`, without negation: `*`, `?` and `[…]` within a name, `**` for any folders. A
    pattern without a slash matches a name anywhere; with a slash, a path below the archive; with a trailing slash, only
    folders. Case and Unicode form are ignored.

    Attributes:
        patterns: The user's patterns.
        include_hidden: Include files and folders whose names begin with a dot, except those of the system.
    """

    patterns: Sequence[str] = ()
    include_hidden: bool = False

    def check(self) -> None:
        """Make sure that every pattern can match something.

        Raises:
            BadRequest: A pattern cannot.
        """
        for pattern in self.patterns:
            parts = pattern.strip("/").split("/")
            if not pattern.strip("/") or any(part in ("", ".", "..") for part in parts):
                raise BadRequest(
                    f"--exclude {pattern!r} matches nothing: give a name such as '*.psd', or a path below the archive"
                    " such as 'raw/2019'"
                )

    def fits_name(self, name: bytes) -> bool:
        """Whether files and folders of this name are skipped everywhere."""
        if not name.startswith(b"."):
            return name.lower() in _SYSTEM
        return name not in _NO_NAMES and (not self.include_hidden or _HIDDEN_SYSTEM.fullmatch(name) is not None)

    def fits_path(self, path: bytes, folder: bool) -> bool:
        """Whether a pattern matches the path of a file or a folder."""
        parts = _folded(os.fsdecode(path)).split("/")
        return any(pattern.fits(parts, folder) for pattern in self._compiled)

    def member(self, archive_file: bytes, member: bytes) -> bool:
        """Whether a member of an archive file is skipped, as a file in a folder of that name would be."""
        parts = [part for part in member.split(b"/") if part not in _NO_NAMES]
        if any(map(self.fits_name, parts)):
            return True
        if not self.patterns:
            return False
        paths = [b"/".join([archive_file, *parts[: n + 1]]) for n in range(len(parts))]
        return any(self.fits_path(path, path is not paths[-1]) for path in paths)

    @cached_property
    def _compiled(self) -> list[_Pattern]:
        return [_Pattern(pattern) for pattern in self.patterns]


NOTHING_ASKED = Exclusion()
"""The exclusion without any option."""


def unfinished(names: Iterable[bytes]) -> frozenset[bytes]:
    """The files of one folder that are still being written, in lower case, judged by the folder's names."""
    marks = [lower for name in names if (lower := name.lower()).endswith(_UNFINISHED)]
    return frozenset(marks).union(mark.removesuffix(_BESIDE) for mark in marks)


class _Pattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        self._folders_only = pattern.endswith("/")
        parts = _folded(pattern).strip("/").split("/")
        if len(parts) == 1 and not pattern.startswith("/"):
            parts = ["**", *parts]
        self._parts = [None if part == "**" else re.compile(fnmatch.translate(part)) for part in parts]

    def fits(self, path: list[str], folder: bool) -> bool:
        """Whether the pattern matches a path, given as parts."""
        return (folder or not self._folders_only) and _fit(self._parts, path)


def _fit(pattern: list[re.Pattern[str] | None], path: list[str]) -> bool:
    """Whether the parts of a pattern, None for `**`, fit those of a path, in time of their product."""
    end = len(pattern)
    places = {0}  # in the pattern, up to which the path so far fits
    for part in path:
        places = _with_empty(places, pattern)
        here = [(place, pattern[place]) for place in places if place < end]
        places = {place + 1 for place, one in here if one is not None and one.fullmatch(part)}
        stars = {place for place, one in here if one is None}
        places |= stars | ({end} if end - 1 in stars else set())
    return end in places


def _with_empty(places: set[int], pattern: list[re.Pattern[str] | None]) -> set[int]:
    """The places that can be reached when `**` stands for no folder, which it does not at the end of a pattern."""
    reached = set(places)
    for place in range(min(places, default=0), len(pattern) - 1):
        if place in reached and pattern[place] is None:
            reached.add(place + 1)
    return reached


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())
