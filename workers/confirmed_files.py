"""Where the confirmed pictures of an output are: what `reid adapt` and `--references` may learn from."""

from __future__ import annotations

import os

from store.decided import decided
from store.decision_log import DecisionLog
from store.journal import Journal, journal_exists
from store.location import Location, storage_of
from store.roots import ANYWHERE, Roots

__all__ = ["confirmed_files"]


def confirmed_files(output: Location, roots: Roots = ANYWHERE) -> dict[str, list[str]]:
    """A file for each confirmed picture by the characters that it shows; none for one that is nowhere any more.

    That is where the picture is in the output, else its original in the archive (a member of an archive file has no
    file of its own there).

    Raises:
        JournalBusy: A pass places files in the output.
        StoreError: Decisions or journal cannot be read.
    """
    found = decided(DecisionLog(output).read())
    files: dict[str, list[str]] = {}
    if not found.characters or not journal_exists(output):
        return files
    with Journal(output, roots) as journal:
        for digest, picture in found.pictures.items():
            places = journal.places_of(bytes.fromhex(digest)) if picture.confirmed else []
            place = next((path for path in places if storage_of(path).may_exist(path)), None)
            for name in picture.confirmed if place is not None else ():
                files.setdefault(name, []).append(os.fsdecode(place or b""))
    return {name: sorted(paths) for name, paths in sorted(files.items())}
