"""The decisions of a person, as the assignment of a pass heeds them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model.dataset.reserved_folders import is_negative
from model.matching.corrections import nearer_to_rejected, overlap
from model.matching.gallery import Gallery
from model.matching.views import view_distances
from model.matching.whitening import Whitening
from store.assignments import Assignments, FinalOutcome
from store.decided import DecidedPicture, decided
from store.errors import DamagedStore
from store.head_views import BOX_VALUES, HeadViews
from store.outcomes import ChunkOutcomes
from store.pass_decisions import PassDecisions
from store.rule import Rule
from store.run_pass import Pass
from store.shard import digest_rows, read_shard
from store.user_decision import Origin

__all__ = ["Corrections"]

_SAME_HEAD = 0.5
"""Intersection over union from which on two boxes are those of one head."""


class Corrections:
    """The decisions of one pass.

    Attributes:
        decisions: As they are stored with the pass.
    """

    def __init__(self, decisions: PassDecisions, pass_: Pass) -> None:
        """Read the vectors of the decided pictures.

        Raises:
            DamagedStore: They are missing or damaged.
        """
        self.decisions = decisions
        self._decided = decided(decisions.decisions)
        self._pictures = {bytes.fromhex(digest): one for digest, one in self._decided.pictures.items()}
        self._vectors: dict[tuple[str, bool], tuple[NDArray[np.float32], HeadViews]] = {}
        self.digests = pa.array([], pa.binary(32))
        if decisions.shard:
            self._read_vectors(pass_)
        self._rejected: Gallery | None = None

    def _read_vectors(self, pass_: Pass) -> None:
        path = pass_.decided_shard(self.decisions.shard)
        shard = read_shard(path)
        if len(shard.table) != len(self.decisions.vectors):
            raise DamagedStore(f"{path}: {len(shard.table)} rows instead of {len(self.decisions.vectors)}")
        rows: dict[tuple[str, bool], list[int]] = {}
        for row, one in enumerate(self.decisions.vectors):
            rows.setdefault((one.character, one.rejected), []).append(row)
        for key, some in rows.items():
            at = np.array(some)
            self._vectors[key] = shard.embeddings[at], shard.heads.take(at)
        self.digests = shard.table["digest"].combine_chunks()

    def name(self, character: str) -> str:
        """The present name of a character."""
        return self._decided.name(character)

    @property
    def characters(self) -> list[str]:
        """Every name that a decision gives, sorted."""
        return self._decided.characters

    @property
    def by_person(self) -> set[bytes]:
        """The digests of the pictures whose character a person has confirmed."""
        return {digest for digest, one in self._pictures.items() if one.confirmed}

    def folders(self, folders: dict[str, str]) -> dict[str, str]:
        """The folders of characters, with those that a person made in place of our own names for them."""
        taken = set(folders.values())
        own = {
            name: folder for name, folder in self._decided.folders.items() if name in folders and folder not in taken
        }
        return {**folders, **own}

    def references(self) -> dict[str, tuple[NDArray[np.float32], HeadViews]]:
        """The confirmed pictures that are references, by character."""
        return {name: vectors for (name, rejected), vectors in self._vectors.items() if not rejected}

    def whiten(self, whitening: Whitening) -> None:
        """Take off the vectors of rejected pictures what is taken off all others."""
        groups = [(name, *vectors) for (name, rejected), vectors in sorted(self._vectors.items()) if rejected]
        if groups:
            gallery = Gallery.build([(name, False, rows) for name, rows, _ in groups], [heads for *_, heads in groups])
            self._rejected = gallery.whitened(whitening)

    def ruled_out(
        self,
        found: ChunkOutcomes,
        embeddings: NDArray[np.float32],
        heads: HeadViews,
        gallery: Gallery,
        rule: Rule,
    ) -> NDArray[np.bool_] | None:
        """The names that pictures cannot have, `(n, c)`; None for none.

        A picture that a person rejected for a character, and one that is nearer to such a picture than to any reference
        of the character. Where one head was rejected, the character must be near without that head.

        Args:
            found: The files of a chunk.
            embeddings: `(n, dim)` float32, whitened, of the `n` embedded ones.
            heads: Their heads, likewise.
            gallery: The references, whitened.
            rule: The rule.
        """
        mine = [(at, one) for at, one in self._among(found) if one.rejected]
        if self._rejected is None and not mine:
            return None
        ruled_out = np.zeros((len(embeddings), len(gallery)), np.bool_)
        if self._rejected is not None:
            ruled_out = nearer_to_rejected(embeddings, heads, gallery, self._rejected)
        for at, picture in mine:
            for name, boxes in picture.rejected.items():
                if name in gallery.names:
                    place = gallery.names.index(name)
                    ruled_out[at, place] |= () in boxes or not _near_without(
                        embeddings[at : at + 1], heads.take(np.array([at])), boxes, gallery.only([place]), rule
                    )
        return ruled_out

    def applied(self, rows: Assignments, found: ChunkOutcomes, rule: Rule) -> Assignments:
        """The assignments of a chunk with what a person has decided about its pictures."""
        decided = [(int(found.embedded[at]), one) for at, one in self._among(found)]
        if not decided:
            return rows
        names = ("outcome", "characters", "reason", "confidence")
        outcomes, characters, reasons, confidence = (rows[name].to_pylist() for name in names)
        for row, one in decided:
            given = [name for name in one.confirmed if not is_negative(name)]
            why = "by hand" if one.origin in (Origin.HAND, Origin.EDITED) else "confirmed"
            if one.ignored:
                outcomes[row], characters[row], reasons[row] = FinalOutcome.UNKNOWN.value, [], "ignored"
            elif one.confirmed:
                given += [name for name in characters[row] if rule.multiple and name not in given]
                outcomes[row] = FinalOutcome.ASSIGNED.value if given else FinalOutcome.UNKNOWN.value
                characters[row], reasons[row] = given, f"{why}: {', '.join(one.confirmed)}"
            elif not characters[row]:
                rejected = f"not {', '.join(sorted(one.rejected))}"
                reasons[row] = f"{reasons[row]}; {rejected}" if reasons[row] else rejected
            if one.ignored or one.confirmed:
                confidence[row] = 1.0 if characters[row] else None
        values = zip(names, (outcomes, characters, reasons, confidence), strict=True)
        return rows.replaced(**{name: pa.array(column, rows[name].type) for name, column in values})

    def _among(self, found: ChunkOutcomes) -> list[tuple[int, DecidedPicture]]:
        """The decided pictures among the embedded files of a chunk, each with its place among these."""
        if not self._pictures:
            return []
        digests = digest_rows(found.table["digest"])[found.embedded]
        pairs = ((at, self._pictures.get(digest.tobytes())) for at, digest in enumerate(digests))
        return [(at, one) for at, one in pairs if one is not None]


def _near_without(
    embedding: NDArray[np.float32], heads: HeadViews, boxes: set[tuple[float, ...]], gallery: Gallery, rule: Rule
) -> bool:
    """Whether a picture is near a character by what is left when some heads count no more."""
    kept = np.ones(len(heads.vectors), np.bool_)
    for box in boxes:
        kept &= overlap(heads.boxes[:, : BOX_VALUES - 1], box) < _SAME_HEAD
    if not kept.any():
        return False
    starts = np.array([0, kept.sum()], np.int64)
    left = HeadViews(starts, heads.vectors[kept], heads.boxes[kept])
    return bool(view_distances(embedding, left, gallery, rule.match)[0, 0] <= rule.limit)
