"""Runs whose pictures have the vectors that a test gives them, to be reduced without a network."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.listing import Kind, Listed
from store.mode import Mode
from store.part import PartSpec
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.shard import Read, write_shard
from store.store import Store
from tests.unit.parts import DIMENSION, KEY
from tests.unit.rows import read_assignments
from tests.unit.sites import Site
from workers.reducing import reduce_run

AXES = {"Akari": 0, "桜 ひな": 1, "_not ads": 2}
SPEC = PassSpec(references="/references", characters=sorted(AXES), threshold=0.3, mode=Mode.HARDLINK)


def at(**distances: float) -> NDArray[np.float32]:
    """A unit vector at these cosine distances from Akari (a), 桜 ひな (s) and the negatives (n); 1 when not given."""
    vector = np.zeros(DIMENSION, np.float32)
    for axis, name in enumerate("asn"):
        vector[axis] = 1 - distances.get(name, 1.0)
    vector[3] = math.sqrt(max(0.0, 1 - float(vector @ vector)))
    return vector


@dataclass
class Sorting:
    """A run whose pictures have the vectors that a test gives them; None means unreadable.

    `heads` holds the vectors of the heads in a picture, or in the references of a character.

    Its store is a folder of the site, or lies where `kept_in` says.
    """

    site: Site
    pictures: Mapping[str, NDArray[np.float32] | None]
    spec: PassSpec = SPEC
    references: Mapping[str, Sequence[NDArray[np.float32] | None]] = field(
        default_factory=lambda: {name: [np.eye(DIMENSION, dtype=np.float32)[axis]] for name, axis in AXES.items()}
    )
    chunk: int = 3
    notes: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[str, Sequence[NDArray[np.float32]]] = field(default_factory=dict)
    kept_in: str = ""

    def __post_init__(self) -> None:
        self.store = Store(self.kept_in or self.site.root / "store")
        spec = RunSpec(str(self.site.archive), str(self.site.output), 1e9, "digest", "v1-pad-32", DIMENSION, "private")
        self.run: Run = self.store.create_run(spec)
        self.run.archive.begin(PartSpec(str(self.site.archive), KEY))
        names = sorted(self.pictures, key=lambda name: self.listed(name).sort_key)
        for number, start in enumerate(range(0, len(names), self.chunk)):
            self._write_chunk(number, names[start : start + self.chunk])
        self.begin_pass(1, self.spec)

    def listed(self, name: str) -> Listed:
        """A picture as the scan would list it."""
        path, _, member = name.partition("!/")
        kind = Kind.UNSUPPORTED if name.endswith(".txt") else Kind.PENDING
        reason = self.notes.get(name, "no picture") if kind is Kind.UNSUPPORTED else ""
        return Listed(os.fsencode(path), 1, 1, member.encode(), kind, reason)

    def _write_chunk(self, number: int, names: Sequence[str]) -> None:
        listed = [self.listed(name) for name in names]
        self.run.archive.add_listings(number, [listed])
        reads = []
        for row, name in enumerate(names):
            vector = self.pictures[name]
            if listed[row].to_read:
                digest = self.site.digests.get(name)
                kind = Kind.UNREADABLE if vector is None else Kind.EMBEDDED
                reason = "damaged" if vector is None else self.notes.get(name, "")
                reads.append(Read(row, kind, digest, vector, reason, **self._heads(name)))
        if reads:
            write_shard(self.run.archive.shard_path(number), reads, dimension=DIMENSION, embedding_key=KEY)

    def _heads(self, name: str) -> dict[str, Any]:
        """The heads of a picture side by side, as `Read` has them."""
        vectors = self.heads.get(name, ())
        if not vectors:
            return {}
        boxes = [[n / 16, 0.25, (n + 1) / 16, 0.5, 0.9] for n in range(len(vectors))]
        return {"heads": np.stack(vectors), "boxes": np.array(boxes, np.float32)}

    def begin_pass(self, number: int, spec: PassSpec) -> None:
        """A pass with the references."""
        part = self.run.pass_(number).references
        part.begin(PartSpec("/references", KEY))
        pairs = [(name, vector) for name in sorted(self.references) for vector in self.references[name]]
        part.add_listings(0, [[Listed(b"%d.png" % n, 1, 1, label=name) for n, (name, _) in enumerate(pairs)]])
        reads = [
            Read(
                n,
                Kind.UNREADABLE if vector is None else Kind.EMBEDDED,
                bytes(32),
                vector,
                "" if vector is not None else "damaged",
                **self._heads(name),
            )
            for n, (name, vector) in enumerate(pairs)
        ]
        write_shard(part.shard_path(0), reads, dimension=DIMENSION, embedding_key=KEY)
        self.run.pass_(number).begin(spec)

    def reduce(self, number: int = 1) -> dict[str, Any]:
        """Reduce a pass."""
        return reduce_run(self.store, self.run, number, wait_s=0.01)

    def outcomes(self, number: int = 1) -> dict[str, str]:
        """Outcome and reason of each file, as the store keeps them."""
        rows = [
            row
            for chunk in self.run.archive.listed_chunks()
            for row in read_assignments(self.run.pass_(number).assignments_path(chunk))
        ]
        return {row.path: row.outcome.value for row in rows}

    def report(self) -> dict[str, dict[str, str]]:
        """The rows of OUT/report.csv by path."""
        text = (self.site.output / "report.csv").read_text(encoding="utf-8")
        return {row["path"]: row for row in csv.DictReader(text.splitlines())}
