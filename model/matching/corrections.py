"""What decided pictures change for others: which of them become references, and which names they rule out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from model.matching.views import view_distances
from store.head_views import HeadViews
from store.match import Match

__all__ = ["nearer_to_rejected", "overlap", "spread_out"]

_NEW = np.float32(0.05)
"""A picture that is nearer than this to a reference adds nothing new: another size of it, another page of a set."""


def spread_out(vectors: NDArray[np.float32], known: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Choose the pictures that add the most to what is known: each time the one that is farthest from all so far.

    Args:
        vectors: `(k, dim)` float32, unit length.
        known: `(m, dim)` float32, unit length, may be empty.
        most: Maximum number of pictures.

    Returns:
        `(at most most,)` int64, rising rows of `vectors`. A bounded number, whatever `k` is.
    """
    distances = np.full(len(vectors), 2.0, np.float32)
    for start in range(0, len(known), 1024):
        distances = np.minimum(distances, 1 - (vectors @ known[start : start + 1024].T).max(axis=1))
    chosen: list[int] = []
    while len(chosen) < min(most, len(vectors)):
        farthest = int(distances.argmax())
        if distances[farthest] < _NEW:
            break
        chosen.append(farthest)
        distances = np.minimum(distances, 1 - vectors @ vectors[farthest])
        distances[farthest] = -1.0
    return np.array(sorted(chosen), np.int64)


def nearer_to_rejected(
    embeddings: NDArray[np.float32], heads: HeadViews | None, gallery: Gallery, rejected: Gallery
) -> NDArray[np.bool_]:
    """Which names are ruled out: a picture nearer to a rejected picture of a character than to any of its references.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        heads: The heads in these pictures.
        gallery: The references, confirmed pictures among them.
        rejected: Rejected pictures by the character that they do not show.

    Returns:
        `(n, c)` bool, for the `c` characters of the gallery.
    """
    ruled_out = np.zeros((len(embeddings), len(gallery)), np.bool_)
    places = [gallery.names.index(name) for name in rejected.names if name in gallery.names]
    if not places or len(embeddings) == 0:
        return ruled_out
    own, others = gallery.only(places), rejected.only([rejected.names.index(gallery.names[at]) for at in places])
    nearest = view_distances(embeddings, heads, own, Match.MAX)
    ruled_out[:, places] = view_distances(embeddings, heads, others, Match.MAX) < nearest
    return ruled_out


def overlap(boxes: NDArray[np.float32], box: tuple[float, ...]) -> NDArray[np.float32]:
    """Intersection over union of boxes with one: `(k, 4)` left, top, right, bottom to `(k,)`, 0..1."""
    one = np.array(box, np.float32)
    sizes = np.clip(np.minimum(boxes[:, 2:4], one[2:4]) - np.maximum(boxes[:, :2], one[:2]), 0, None)
    common = sizes.prod(axis=1)
    areas = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1) + (one[2:4] - one[:2]).prod()
    return np.asarray(common / np.maximum(areas - common, 1e-9), np.float32)
