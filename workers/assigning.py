"""Assign the pictures of a pass, chunk by chunk, before anything is placed.

Chunks are independent, so several machines may share them: each writes its chunks to the store. The reducer that places
reads them there, and assigns the missing ones itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.dataset.reserved_folders import is_negative
from model.matching.calibration import calibrate, name_chances, whitening_of
from model.matching.cohort import Cohort, read_cohort
from model.matching.gallery import Gallery
from model.matching.rule import TIE, VERDICTS, Decisions, Names, Nearest, Verdict, decide, reasons
from model.matching.whitening import Whitening
from model.network.weights_file import read_info
from store.assignments import VIEW, Assignments, read_decided, write_decided
from store.columns import hexadecimal, spread
from store.errors import DamagedStore
from store.head_views import HeadViews
from store.listing import Kind
from store.location import Location, storage_of
from store.outcomes import ChunkOutcomes, Outcomes
from store.pass_calibration import PassCalibration
from store.rule import Rule
from store.run import Run
from store.run_pass import Pass, PassSpec
from store.shard import DIGEST_BYTES, digest_rows
from store.store import Store
from workers.archive_sample import archive_sample
from workers.corrections import Corrections
from workers.errors import NotReady
from workers.pass_decisions import collect_decisions
from workers.pass_wanted import need_wanted

__all__ = ["Assigner", "FarCharacter", "assign_part"]


@dataclass(frozen=True)
class FarCharacter:
    """A character that no picture resembles: its references may show two characters, or a small figure in a scene.

    Attributes:
        name: Its name.
        nearest: The minimum distance of an unnamed picture to it; None if every picture has another name.
    """

    name: str
    nearest: float | None


class Assigner:
    """Assigns the pictures of a run by the references and the rule of a pass.

    Attributes:
        gallery: The references, without what they have in common with the archive.
        bad_references: Those that cannot be used, one line each.
        calibration: What the pass works with: threshold, whitening and what is expected of them.
        corrections: The decisions of a person.
    """

    def __init__(self, store: Store, run: Run, pass_: Pass) -> None:
        """Load the references.

        Raises:
            NotReady: No reference picture of a character can be read.
            WeightsError: The weights in the store cannot be read.
        """
        self.corrections = Corrections(collect_decisions(store, run, pass_), pass_)
        gallery, self.bad_references, self._reference_digests = _load_gallery(store, pass_, self.corrections)
        self._whole = Outcomes(store)
        self.calibration = pass_.calibration or pass_.note_calibration(
            _calibrate(store, run, pass_.spec, gallery, self._whole)
        )
        self._whitening = _whitening(self.calibration, gallery.embeddings.shape[1], pass_)
        self.gallery = gallery.whitened(self._whitening)
        self.corrections.whiten(self._whitening)
        self._closest = np.full(len(self.gallery.names), np.inf, np.float32)
        self._lock = threading.Lock()
        self._names = pa.array(self.gallery.names, pa.string())
        self._reasons = pa.array(reasons(self.gallery), pa.string())
        self._rule: Rule = replace(pass_.spec, threshold=self.calibration.threshold)
        self._archive = run.archive
        self._pass = pass_
        self._without_vectors = Outcomes(store, vectors=False)

    def chunk(self, chunk: int) -> tuple[ChunkOutcomes, Assignments]:
        """The files of a chunk and their assignments, without duplicates and places."""
        path = self._pass.decided_path(chunk)
        if path.exists():
            found, (rows, noted) = self._without_vectors.chunk(self._archive, chunk), read_decided(path)
            self._check(path, found, rows, noted)
            closest = np.array(noted, np.float32)
        else:
            found, rows, closest = self._decided(chunk)
        with self._lock:
            np.minimum(self._closest, closest, out=self._closest)
        return found, rows

    def far_characters(self) -> list[FarCharacter]:
        """The characters that no picture of the chunks so far resembles, the farthest first; none without a picture.

        A picture with the bytes of a reference does not count.
        """
        if not np.isfinite(self._closest).any():
            return []
        limit = self._rule.limit + self._rule.band + TIE
        distances = zip(self._closest.tolist(), self.gallery.names, self.gallery.negative, strict=True)
        far = [(-nearest, name) for nearest, name, negative in distances if not negative and nearest > limit]
        return [
            FarCharacter(name, round(-nearest, 4) if np.isfinite(nearest) else None) for nearest, name in sorted(far)
        ]

    def outcomes(self, chunk: int) -> ChunkOutcomes:
        """The files of a chunk with their vectors."""
        return self._whole.chunk(self._archive, chunk)

    def decide(self, found: ChunkOutcomes) -> Decisions:
        """What the rule says of the pictures among some files."""
        known = pc.is_in(found.table["digest"], self._reference_digests).to_numpy()[found.embedded]
        embeddings, heads = self._whitening.applied(found.embeddings, found.heads)
        ruled_out = self.corrections.ruled_out(found, embeddings, heads, self.gallery, self._rule)
        return decide(embeddings, self.gallery, self._rule, ~known, heads, ruled_out)

    def _decided(self, chunk: int) -> tuple[ChunkOutcomes, Assignments, NDArray[np.float32]]:
        """The files of a chunk, their assignments, and the minimum distance to each character."""
        found = self.outcomes(chunk)
        decisions = self.decide(found)
        rows = self.corrections.applied(self._assignments(found, decisions), found, self._rule)
        return found, rows, decisions.closest

    def _check(self, path: Location, known: ChunkOutcomes, rows: Assignments, closest: list[float]) -> None:
        """Make sure that what another reducer wrote is about these files and these characters."""
        same = len(rows.table) == len(known.table) and len(closest) == len(self.gallery.names)
        lists = rows["characters"], rows["characters_found"]
        names = pa.array({*self.gallery.names, *self.corrections.characters}, pa.string())
        known_names = (pc.is_in(pc.unique(pc.list_flatten(some)), names) for some in lists)
        if not same or not all(pc.all(found, min_count=0).as_py() for found in known_names):
            raise DamagedStore(f"{path}: not about the files of this chunk, or of characters without references")

    def digests(self, chunk: int) -> NDArray[np.uint8]:
        """The digests of a chunk's embedded files, in order: `(k, 32)` uint8."""
        return self._without_vectors.digests(self._archive, chunk)

    def write(self, chunk: int) -> None:
        """Write the assignments of a chunk into the store, once."""
        path = self._pass.decided_path(chunk)
        if not path.exists():
            _, rows, closest = self._decided(chunk)
            write_decided(path, rows, closest.tolist())

    def forget(self) -> None:
        """Take away what was written for the reducer; the assignments hold it now."""
        folder = self._pass.decided_path(0).parent
        storage_of(folder).remove_folder(folder)

    def _assignments(self, found: ChunkOutcomes, decisions: Decisions) -> Assignments:
        """The assignments of a chunk's files, from the decisions on those with an embedding."""
        size = len(found.table)

        def column(values: pa.Array) -> pa.Array:
            return spread(values, found.embedded, size)

        def lists(ends: NDArray[Any], values: pa.Array) -> pa.Array:
            counts = np.zeros(size + 1, np.int32)
            counts[1:][found.embedded] = np.diff(ends)
            return pa.ListArray.from_arrays(pa.array(np.cumsum(counts, dtype=np.int32)), values)

        def names(some: Names) -> pa.Array:
            return lists(some.ends, self._names.take(pa.array(some.characters)))

        digests = hexadecimal(digest_rows(found.table["digest"]))
        return Assignments.of_columns(
            path=found.names,
            outcome=pc.coalesce(column(_OUTCOMES.take(pa.array(decisions.verdicts))), found.table["kind"]),
            characters=names(decisions.given),
            **{name: column(values) for name, values in self._nearest(decisions.nearest).items()},
            digest=pc.if_else(found.table["digest"].is_valid(), digests, None),
            reason=_with_notes(column(self._reasons.take(pa.array(decisions.reasons))), found.table["reason"]),
            placed=pa.ListArray.from_arrays(pa.array(np.zeros(size + 1, np.int32)), pa.array([], pa.string())),
            confidence=column(self._confidence(decisions)),
            characters_found=names(decisions.found),
            views=lists(decisions.view_starts, self._views(found.heads, decisions)),
        )

    def _nearest(self, near: Nearest) -> dict[str, pa.Array]:
        """The nearest and the next characters as columns."""
        none = ~near.has_runner_up
        nobody = ~np.isfinite(near.distances)  # a person has ruled out every character
        return {
            "nearest": self._names.take(pa.array(near.characters, mask=nobody)),
            "distance": pa.array(near.distances, mask=nobody),
            "runner_up": self._names.take(pa.array(near.runners_up, mask=none)),
            "runner_up_distance": pa.array(near.runner_up_distances, mask=none),
        }

    def _views(self, heads: HeadViews, decisions: Decisions) -> pa.Array:
        """What was found of each view, with its box."""
        is_whole = np.zeros(len(decisions.views.characters), np.bool_)
        is_whole[decisions.view_starts[:-1]] = True
        boxes = np.zeros((len(is_whole), 4), np.float32)
        boxes[~is_whole] = heads.boxes[:, :4]
        sides = [pa.array(np.ascontiguousarray(side), mask=is_whole) for side in boxes.T]
        return pa.StructArray.from_arrays([*sides, *self._nearest(decisions.views).values()], fields=list(VIEW))

    def _confidence(self, decisions: Decisions) -> pa.Array:
        """The chance that each name is right; nothing where there is no name."""
        chances = name_chances(decisions.nearest, self.calibration)
        if chances is None:
            return pa.nulls(len(decisions.verdicts), pa.float32())
        return pa.array(chances, mask=decisions.verdicts != VERDICTS.index(Verdict.ASSIGNED))


def assign_part(store: Store, run: Run, pass_number: int, part: int, parts: int) -> int:
    """Assign one of the equal parts of a run for its reducer; return the number of chunks. May be repeated.

    Raises:
        PassOver: Nobody wants the pass any more.
        NotReady: No reference picture can be read.
        StoreError: The store cannot be used.
    """
    pass_ = run.pass_(pass_number)
    listed = run.archive.listed_chunks()
    chunks = listed[len(listed) * part // parts : len(listed) * (part + 1) // parts]
    assigner = Assigner(store, run, pass_)
    for chunk in chunks:
        need_wanted(run, pass_number)
        if pass_.summary is not None:
            break  # the reducer was faster
        assigner.write(chunk)
    return len(chunks)


def _calibrate(store: Store, run: Run, spec: PassSpec, gallery: Gallery, outcomes: Outcomes) -> PassCalibration:
    """Measure what a pass works with."""
    dimension = gallery.embeddings.shape[1]
    cohort, fallback = _of_weights(store, run.spec.weights_digest, dimension)
    sample = archive_sample(outcomes, run.archive, dimension) if spec.whitened or cohort is not None else None
    archive = sample or (np.empty((0, dimension), np.float32), HeadViews.none(0, dimension))
    return calibrate(gallery, spec, archive, cohort, fallback=fallback, whitened=spec.whitened)


def _of_weights(store: Store, digest: str, dimension: int) -> tuple[Cohort | None, float]:
    """The cohort and the threshold of a run's weights; a guess where a store holds vectors without their weights."""
    path = store.weights_path(digest)
    if not path.exists():
        return None, _GUESS
    return read_cohort(path, dimension), read_info(path).threshold


def _whitening(calibration: PassCalibration, dimension: int, pass_: Pass) -> Whitening:
    try:
        return whitening_of(calibration, dimension)
    except ValueError as error:
        raise DamagedStore(f"calibration of pass {pass_.number}: {error}") from error


def _with_notes(decided: pa.Array, told: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The rule's reasons, each followed by the remark of the reader; else why the file was not read."""
    noted = pc.and_(pc.is_valid(decided), pc.fill_null(pc.not_equal(told, ""), False))
    if not pc.any(noted).as_py():
        return pc.coalesce(decided, told)
    both = pc.if_else(pc.equal(decided, ""), told, pc.binary_join_element_wise(decided, told, "; "))
    return pc.coalesce(pc.if_else(noted, both, decided), told)


def _load_gallery(store: Store, pass_: Pass, corrections: Corrections) -> tuple[Gallery, list[str], pa.Array]:
    """The reference embeddings of a pass, the unusable references, one line each, and all digests."""
    digests = [pa.array([], pa.binary(DIGEST_BYTES))]
    vectors: dict[str, list[NDArray[np.float32]]] = {}
    heads: dict[str, list[HeadViews]] = {}
    bad: list[str] = []
    for chunk in Outcomes(store).chunks(pass_.references):
        labels, kinds, reasons = (chunk.table[name].to_pylist() for name in ("label", "kind", "reason"))
        labels = list(map(corrections.name, labels))
        for at, row in enumerate(chunk.embedded):
            vectors.setdefault(labels[row], []).append(chunk.embeddings[at])
            heads.setdefault(labels[row], []).append(chunk.heads.take(np.array([at])))
        digests += chunk.table["digest"].drop_null().chunks
        failed = zip(chunk.names.to_pylist(), kinds, reasons, strict=True)
        bad += [f"{name}: {reason}" for name, kind, reason in failed if kind == Kind.UNREADABLE]
    for name, (confirmed, their_heads) in corrections.references().items():
        vectors.setdefault(name, []).extend(confirmed)
        heads.setdefault(name, []).append(their_heads)
    digests.append(corrections.digests)
    characters = dict.fromkeys(map(corrections.name, pass_.spec.characters))
    bad += [f"{name}: no picture of it can be read" for name in characters if name not in vectors]
    if all(is_negative(name) for name in vectors):
        raise NotReady(f"no reference picture of any character can be read; the first: {(bad or ['none listed'])[0]}")
    groups = [(name, is_negative(name), np.stack(rows)) for name, rows in sorted(vectors.items())]
    views = [HeadViews.joined(heads[name]) for name, _, _ in groups]
    return Gallery.build(groups, views), bad, pa.concat_arrays(digests)


_GUESS = 0.5
"""A threshold where nothing tells one."""

_OUTCOMES = pa.array([verdict.value for verdict in VERDICTS])
