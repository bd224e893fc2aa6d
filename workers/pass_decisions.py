"""The decisions that a pass works with: collected once, and stored with the pass (`store.pass_decisions`)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model.matching.corrections import overlap, spread_out
from store.decided import Decided, decided
from store.decided import counting as that_count
from store.decision_log import DecisionLog
from store.head_views import BOX_VALUES, HeadViews
from store.listing import Kind
from store.outcomes import Outcomes
from store.pass_decisions import ByHand, DecidedVector, PassDecisions
from store.run import Run
from store.run_pass import Pass
from store.shard import Read, write_shard
from store.store import Store
from workers.decided_vectors import PictureVectors, find_vectors
from workers.output import need_output

__all__ = ["collect_decisions"]

_MOST = 32
"""Confirmed pictures of a character that become references, and rejected ones that are compared with."""

_SAME_HEAD = 0.5
"""Intersection over union from which on a box that a person gave is that of a head that was found."""


def collect_decisions(store: Store, run: Run, pass_: Pass, by_hand: ByHand | None = None) -> PassDecisions:
    """The decisions of a pass. They are read and stored the first time; a decision made later counts in the next pass.

    Raises:
        OutputGone: The output in which earlier passes placed files is not there, and the decisions with it.
        StoreError: They cannot be read.
    """
    stored = pass_.decisions
    if stored is not None:
        return stored
    need_output(run)
    decisions = that_count(DecisionLog(run.output).read())
    state = decided(decisions)
    wanted = {bytes.fromhex(digest) for digest, one in state.pictures.items() if one.confirmed or one.rejected}
    found = find_vectors(store, run, wanted)
    reads: list[Read] = []
    vectors: list[DecidedVector] = []
    for name, rejected, some in _by_character(state, found, _references(store, pass_, state) if wanted else {}):
        for digest, picture in some:
            boxes = picture.heads.boxes
            read = Read(len(reads), Kind.EMBEDDED, digest, picture.whole, heads=picture.heads.vectors, boxes=boxes)
            reads.append(read)
            vectors.append(DecidedVector(name, rejected))
    shard = secrets.token_hex(8) if reads else ""
    if shard:
        dimension, key = run.spec.dimension, run.archive.spec.embedding_key
        write_shard(pass_.decided_shard(shard), reads, dimension=dimension, embedding_key=key)
    confirmed = [digest for digest, one in state.pictures.items() if one.confirmed]
    unread = sum(bytes.fromhex(digest) not in found for digest in confirmed)
    return pass_.note_decisions(PassDecisions(decisions, shard, vectors, unread, by_hand or ByHand()))


def _by_character(
    state: Decided, found: dict[bytes, PictureVectors], known: dict[str, NDArray[np.float32]]
) -> Iterator[tuple[str, bool, list[tuple[bytes, PictureVectors]]]]:
    """For each character its confirmed pictures, then its rejected ones: those that add something new."""
    groups: dict[tuple[str, bool], list[tuple[bytes, PictureVectors]]] = {}
    for digest, one in state.pictures.items():
        vectors = found.get(bytes.fromhex(digest))
        if vectors is None:
            continue
        for name, head in one.confirmed.items():
            groups.setdefault((name, False), []).append((bytes.fromhex(digest), _of_head(vectors, head)))
        for name, heads in one.rejected.items():
            if () in heads:  # a head that is somebody else's says nothing about the whole picture
                groups.setdefault((name, True), []).append((bytes.fromhex(digest), vectors))
    for (name, rejected), pictures in sorted(groups.items()):
        whole = np.stack([vectors.whole for _, vectors in pictures])
        near = known.get(name, whole[:0]) if not rejected else whole[:0]
        yield name, rejected, [pictures[at] for at in spread_out(whole, near, _MOST)]


def _of_head(vectors: PictureVectors, head: tuple[float, ...]) -> PictureVectors:
    """The picture with the one head that a person meant, where such a head was found."""
    if not head or len(vectors.heads.vectors) == 0:
        return vectors
    overlaps = overlap(vectors.heads.boxes[:, : BOX_VALUES - 1], head)
    best = int(overlaps.argmax())
    if overlaps[best] < _SAME_HEAD:
        return vectors
    boxes = vectors.heads.boxes[best : best + 1]
    return PictureVectors(
        vectors.whole, HeadViews(np.array([0, 1], np.int64), vectors.heads.vectors[best : best + 1], boxes)
    )


def _references(store: Store, pass_: Pass, state: Decided) -> dict[str, NDArray[np.float32]]:
    """The reference vectors of each character."""
    rows: dict[str, list[NDArray[np.float32]]] = {}
    for chunk in Outcomes(store).chunks(pass_.references):
        labels = chunk.table["label"].to_pylist()
        for at, row in enumerate(chunk.embedded):
            rows.setdefault(state.name(labels[row]), []).append(chunk.embeddings[at])
    return {name: np.stack(some) for name, some in rows.items()}
