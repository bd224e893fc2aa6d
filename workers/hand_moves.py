"""What a person did in the output since the last pass: the output is listed once and compared with the journal.

A placement where nothing is any more, and a picture elsewhere in the output that is the same file (a link to the same
original, or the same bytes): it was moved. A placement whose picture is nowhere: it was taken out. A picture that
nobody placed: a person put it there. Where too much is missing at once, a disk is more likely gone than a person at
work, and nothing of that is read as a decision.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from model.images.decoding import SNIFF_BYTES, sniff
from store.durability import TEMPORARY_PREFIX
from store.file_operation import Action
from store.journal import JOURNAL_FOLDER, Journal
from store.journal_listing import HandFile, Missing
from store.location import Location, ObjectPath, choose, storage_of
from workers.fileops.primitives import digest_or_none

__all__ = ["HandMoves", "Moved", "find_hand_moves"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A picture that a person moved.

    Attributes:
        before: Where it was, placed or put by a person.
        now: Where it is.
    """

    before: Missing
    now: bytes


@dataclass
class HandMoves:
    """What a person did.

    Attributes:
        moved: Pictures that are elsewhere in the output now.
        taken_out: Places whose picture is nowhere in the output.
        put: Pictures that nobody placed, and that were not known, or were elsewhere.
        back: Placements that had been taken out, and are there again.
        kept: How many placements of each folder are where they were.
        not_understood: Why what is missing was not read as decisions; empty otherwise.
    """

    moved: list[Moved] = field(default_factory=list)
    taken_out: list[Missing] = field(default_factory=list)
    put: list[HandFile] = field(default_factory=list)
    back: list[Missing] = field(default_factory=list)
    kept: dict[bytes, int] = field(default_factory=dict)
    not_understood: str = ""


def find_hand_moves(journal: Journal, *, doubt: bool = True) -> HandMoves:
    """Compare the output with its journal. Memory grows with what a person did, not with the output.

    Args:
        journal: The open journal.
        doubt: Read nothing into it when more than half of everything, or a whole folder, is missing.

    Raises:
        OSError: The output cannot be listed.
    """
    output = journal.folder.parent
    found = HandMoves()
    if not journal.anything_placed:
        return found
    journal.note_listing(_listing(output))
    placed, _, missing = journal.placement_counts()
    unknown = list(journal.unknown_files())
    if doubt and missing - len(unknown) > placed / 2:
        found.not_understood = (
            f"{missing:,} of {placed:,} placed pictures are missing from {output}; is a disk not mounted? What is"
            " missing was not read as decisions"
        )
        return found
    found.back = list(journal.back_again())
    gone = list(journal.missing())
    if gone or unknown:
        _match(journal, gone, unknown, found)
    if gone:
        found.kept = journal.counts_by_folder()
        if doubt:
            _doubt(output, placed, found)
    return found


def _listing(output: Location) -> Iterator[bytes]:
    """All files in the output besides our own and hidden ones."""
    return choose(output, lambda folder: _files_below(bytes(folder)), _objects_below)


def _files_below(folder: bytes) -> Iterator[bytes]:
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(b"."):
                    continue  # the journal's folder too
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry.path
    except FileNotFoundError:
        return  # deleted just now
    for path in sorted(folders):
        yield from _files_below(path)


def _objects_below(output: ObjectPath) -> Iterator[bytes]:
    top = os.path.join(bytes(output), b"")
    for path, _ in storage_of(output).files_below(output):
        below = bytes(path).removeprefix(top)
        if not below.startswith((os.fsencode(JOURNAL_FOLDER), os.fsencode(TEMPORARY_PREFIX))):
            yield bytes(path)


def _match(journal: Journal, gone: list[Missing], unknown: list[bytes], found: HandMoves) -> None:
    """Find for each missing placement the same picture among the unknown files; what is left was put there."""
    links, inodes, digests = _identities(gone)
    left = {one.target: one for one in gone}

    def take(candidates: list[Missing], path: bytes) -> Missing | None:
        there = [one for one in candidates if one.target in left]
        name = os.path.basename(path)
        best = min(there, key=lambda one: os.path.basename(one.target) != name, default=None)
        return None if best is None else left.pop(best.target)

    for path in unknown:
        status = _status(path)
        before = None
        if status is not None and stat.S_ISLNK(status.st_mode):
            before = take(links[os.readlink(path)], path)
            file = None
        else:
            if status is not None:
                before = take(inodes[status.st_dev, status.st_ino], path)
            file = None if before else _hand_file(journal, path, status)
            if file is not None:
                before = take(digests[file.digest], path)
        if before is not None:
            found.moved.append(Moved(before, path))
        if file is not None and (before is None or before.action is None) and file != journal.hand_file(path):
            found.put.append(file)
    found.taken_out = list(left.values())


def _identities(
    gone: list[Missing],
) -> tuple[dict[bytes, list[Missing]], dict[tuple[int, int], list[Missing]], dict[bytes, list[Missing]]]:
    """Missing placements by what their links say, by the file that is linked, and by their bytes."""
    links: dict[bytes, list[Missing]] = defaultdict(list)
    inodes: dict[tuple[int, int], list[Missing]] = defaultdict(list)
    digests: dict[bytes, list[Missing]] = defaultdict(list)
    for one in gone:
        if one.action is Action.SYMLINK:
            links[one.image.path].append(one)
            continue
        digests[one.digest].append(one)
        if one.action is Action.HARDLINK and not one.image.member:
            try:
                original = os.stat(one.image.path)
            except OSError:
                continue
            inodes[original.st_dev, original.st_ino].append(one)
    return links, inodes, digests


def _status(path: bytes) -> os.stat_result | None:
    """The status of a file of this machine; None for an object, and for what is gone."""
    if path.startswith(b"s3://"):
        return None
    try:
        return os.lstat(path)
    except OSError:
        return None


def _hand_file(journal: Journal, path: bytes, status: os.stat_result | None) -> HandFile | None:
    """A file with its digest, read only if it has changed since the last comparison; None for what is no picture."""
    known = journal.hand_file(path)
    if status is not None:
        if not stat.S_ISREG(status.st_mode):
            return None
        if known is not None and (known.size, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return known
        size, mtime_ns = status.st_size, status.st_mtime_ns
    else:
        size = mtime_ns = 0
    if not path.startswith(b"s3://"):
        digest = digest_or_none(path) if _is_picture(path) else None
    else:
        object_ = ObjectPath(path).stat()
        own = b"" if object_ is None else object_.digest
        digest = own or (known.digest if known is not None else digest_or_none(path) if _is_picture(path) else None)
    return None if digest is None else HandFile(path, size, mtime_ns, digest)


def _is_picture(path: bytes) -> bool:
    try:
        return sniff(storage_of(path).head(path, SNIFF_BYTES)) is not None
    except OSError:
        return False


def _doubt(output: Location, placed: int, found: HandMoves) -> None:
    """Keep what is missing out of the decisions where a disk, not a person, may have taken it."""
    lost: dict[bytes, list[Missing]] = defaultdict(list)
    for one in found.taken_out:
        if one.action is not None:
            lost[os.path.dirname(one.target)].append(one)
    number = sum(map(len, lost.values()))
    if number > placed / 2:
        found.not_understood = f"{number:,} of {placed:,} placed pictures are missing from {output}"
        found.taken_out = []
    else:
        moved = {os.path.dirname(one.before.target) for one in found.moved}
        # Where a disk was mounted, an empty folder is left; one picture alone a person may well delete.
        whole = [
            folder
            for folder, some in lost.items()
            if not found.kept.get(folder)
            and folder not in moved
            and (len(some) > 1 or not storage_of(folder).is_folder(folder))
        ]
        if whole:
            names = ", ".join(sorted(os.fsdecode(os.path.relpath(f, bytes(output))) for f in whole))
            pictures = sum(len(lost[folder]) for folder in whole)
            found.not_understood = f"the whole folder {names} is missing from {output} ({pictures:,} pictures)"
            found.taken_out = [one for one in found.taken_out if os.path.dirname(one.target) not in whole]
    if found.not_understood:
        found.not_understood += "; is a disk not mounted? What is missing was not read as decisions"
