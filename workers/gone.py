"""Pictures in the output that are no longer in the archive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from store.file_operation import Action, Image, Placement
from store.journal import Journal
from store.location import ObjectPath, choose, location
from store.shard import DIGEST_BYTES
from workers.duplicates import Duplicates
from workers.fileops.primitives import status_of
from workers.naming import REMOVED

__all__ = ["Gone", "gone_images"]


@dataclass(frozen=True)
class Gone:
    """An image whose original is gone, and whose bytes no file of the archive has.

    Attributes:
        image: The image.
        placements: Where it stands in the output.
    """

    image: Image
    placements: list[Placement]

    @property
    def may_be_last(self) -> bool:
        """Whether the output may have the last copy of its bytes."""
        return any(placement.action is not Action.SYMLINK for placement in self.placements)


def gone_images(journal: Journal, output: bytes, archive: bytes, present: Duplicates) -> Iterator[Gone]:
    """The images of an archive that were placed in an output and are gone, ordered by path; streams.

    What was moved to the output is not gone, nor what has been put aside already. Where nobody can tell whether an
    original is there, it is.

    Args:
        journal: The open journal of the output; the images that were yielded may be changed in it meanwhile.
        output: The output.
        archive: The archive.
        present: The digests of the files in the archive.
    """
    aside = os.path.join(output, os.fsencode(REMOVED), b"")

    def missing(digests: Sequence[bytes]) -> Iterable[bool]:
        known = present.has(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES))
        return list(map(bool, ~known))

    placed = (found for found in journal.placed_from(archive, missing) if not found[1].target.startswith(aside))
    for image, found in groupby(placed, key=itemgetter(0)):
        if _is_absent(image.path):
            yield Gone(image, [placement for _, placement in found])


def _is_absent(path: bytes) -> bool:
    """Whether nothing has this name; False where nobody can tell."""
    try:
        return choose(location(path), lambda _: status_of(path), lambda _: ObjectPath(path).stat()) is None
    except OSError:
        return False
