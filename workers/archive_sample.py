"""A sample of an archive's vectors: what its pictures have in common is measured on it before any is named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from store.head_views import HeadViews
from store.outcomes import Outcomes
from store.part import Part

__all__ = ["archive_sample"]

_MOST = 4096
"""Pictures of a sample: a mean over so many is known to a sixtieth of the spread."""

_MOST_CHUNKS = 64
"""Chunks that are read for it: the second or so that they take does not grow with the archive."""


def archive_sample(outcomes: Outcomes, archive: Part, dimension: int) -> tuple[NDArray[np.float32], HeadViews]:
    """Vectors of pictures spread evenly over an archive, all of a small one, and the heads in them.

    The same for whoever asks: several machines may work on one pass.

    Returns:
        `(n, dim)` float32, and the heads of these pictures.

    Raises:
        StaleShard: A shard was made from another listing.
        DamagedStore: A shard is missing or cannot be read.
    """
    chunks = archive.listed_chunks()
    chosen = [chunks[at] for at in _evenly(len(chunks), _MOST_CHUNKS)]
    vectors, heads = [np.empty((0, dimension), np.float32)], [HeadViews.none(0, dimension)]
    for chunk in chosen:
        found = outcomes.chunk(archive, chunk)
        if len(found.embeddings):
            rows = _evenly(len(found.embeddings), _MOST // len(chosen))
            vectors.append(found.embeddings[rows])
            heads.append(found.heads.take(rows))
    return np.concatenate(vectors), HeadViews.joined(heads)


def _evenly(size: int, most: int) -> NDArray[np.int64]:
    """Up to `most` places out of `size`, in equal steps."""
    count = min(size, most)
    return np.arange(count) * size // max(1, count)
