"""The vectors of decided pictures, wherever a run of this store has read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from store.errors import DamagedStore
from store.head_views import HeadViews
from store.outcomes import Outcomes
from store.part import Part
from store.run import Run
from store.store import Store

__all__ = ["PictureVectors", "find_vectors"]


@dataclass(frozen=True)
class PictureVectors:
    """The views of one picture.

    Attributes:
        whole: `(dim,)` float32.
        heads: Its heads.
    """

    whole: NDArray[np.float32]
    heads: HeadViews


def find_vectors(store: Store, run: Run, digests: set[bytes]) -> dict[bytes, PictureVectors]:
    """The vectors of pictures by sha256, from the run's archive, else from runs with the same network, newest first.

    After `--mode move` a picture is no longer in the archive that a later run scans. Digests are read chunk by chunk,
    vectors only of chunks with such a picture.
    """
    found: dict[bytes, PictureVectors] = {}
    for part in _parts(store, run) if digests else ():
        try:
            _search(store, part, digests, found)
        except DamagedStore:
            if part.name == run.archive.name:
                raise
            continue  # of another run, which may still be going on
        if len(found) == len(digests):
            break
    return found


def _parts(store: Store, run: Run) -> Iterator[Part]:
    yield run.archive
    key = run.archive.spec.embedding_key
    for other in store.newest_first():
        try:
            if other.id != run.id and other.archive.exists and other.archive.spec.embedding_key == key:
                yield other.archive
        except DamagedStore:
            continue


def _search(store: Store, part: Part, digests: set[bytes], found: dict[bytes, PictureVectors]) -> None:
    without, whole = Outcomes(store, vectors=False), Outcomes(store)
    for chunk in part.listed_chunks():
        rows = {digest.tobytes(): at for at, digest in enumerate(without.digests(part, chunk))}
        wanted = (rows.keys() & digests) - found.keys()
        if wanted:
            outcomes = whole.chunk(part, chunk)
            for digest in wanted:
                at = rows[digest]
                heads = outcomes.heads.take(np.array([at]))
                found[digest] = PictureVectors(outcomes.embeddings[at].copy(), heads)
        if len(found) == len(digests):
            return
