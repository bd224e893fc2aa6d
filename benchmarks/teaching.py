"""What corrections teach: the least certain names are looked at by a person, and the next pass heeds what was said.

    python benchmarks/teaching.py [--views FOLDER] [--references 3] [--draws 5]

Sets, references and strangers are those of strangers.py. After the first pass a person looks at a share of all
pictures: of those with a name, the ones nearest to the threshold; of those without one, the ones that just miss it,
half and half. A right name is confirmed; a wrong one is rejected, and confirmed as the right character where that has
references; a picture without a name is confirmed as its character, or, where that has none, rejected for the nearest.
The pass then runs again as `workers.corrections` lets it. Figures in percent, before and after, of the same pictures:
those that nobody looked at.

right      names that are right, of all names given, in the set as it is
rightly    pictures of known characters that get their name
strangers  pictures of other characters that get a name
seen       the same as `right`, with the pictures that were looked at, which are right by then
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality import DATA
from strangers import draw_references
from views import Set, views_of

from model.matching.calibration import calibrate, whitening_of
from model.matching.cohort import Cohort, read_cohort
from model.matching.corrections import nearer_to_rejected, spread_out
from model.matching.gallery import Gallery
from model.matching.rule import VERDICTS, Decisions, Verdict, decide
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from store.pass_calibration import PassCalibration
from store.rule import Rule

SHARES = (0.02, 0.05, 0.10)
COLUMNS = ("right", "after", "rightly", "after", "strangers", "after", "seen")
MOST = 32
_ASSIGNED = VERDICTS.index(Verdict.ASSIGNED)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=Path, help="folder with the vectors of the sets")
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--without", choices=["confirmed", "rejected", "nearness"], help="leave one effect out")
    options = parser.parse_args()
    info = read_info(DEFAULT_WEIGHTS)
    cohort = read_cohort(DEFAULT_WEIGHTS, info.dimension)
    print(f"{'set':8}{'share':>7}" + "".join(f"{name:>11}" for name in COLUMNS))
    every: list[NDArray[np.float64]] = []
    for name, one in views_of(DATA, DEFAULT_WEIGHTS, options.views).items():
        draws = [
            measure(one, cohort, options.references, draw, info.threshold, options.without or "")
            for draw in range(options.draws)
        ]
        every.append(100 * np.mean(draws, axis=0))
        print_rows(name, every[-1])
    print_rows("mean", np.mean(every, axis=0))


def print_rows(name: str, rows: NDArray[np.float64]) -> None:
    """A line for each share."""
    for share, row in zip(SHARES, rows, strict=True):
        print(f"{name:8}{share:>7.0%}" + "".join(f"{value:11.1f}" for value in row), flush=True)


class Teaching:
    """One draw of a set: an archive with known characters and strangers, and what is decided about its pictures."""

    def __init__(self, views: Set, cohort: Cohort | None, references: int, seed: int, fallback: float) -> None:
        self.embeddings, self.heads, self.labels = views
        rows, self.rest = draw_references(self.labels, references, seed, len(self.labels))
        self.known = np.unique(self.labels[rows])
        self.references = {int(one): rows[self.labels[rows] == one] for one in self.known}
        self.truth = self.labels[self.rest]
        self.is_known = np.isin(self.truth, self.known)
        self._cohort, self._fallback = cohort, fallback
        self.confirmed: dict[int, list[int]] = {}
        self.rejected: dict[int, list[int]] = {}

    def run(self, without: str = "") -> tuple[Decisions, PassCalibration]:
        """A pass over the archive, with what is decided so far."""
        groups = [self._rows(int(one), without) for one in self.known]
        gallery = self._gallery([str(one) for one in self.known], groups)
        archive = self.embeddings[self.rest], self.heads.take(self.rest)
        found = calibrate(gallery, Rule(), archive, self._cohort, fallback=self._fallback)
        whitening = whitening_of(found, self.embeddings.shape[1])
        whole, heads = whitening.applied(*archive)
        gallery = gallery.whitened(whitening)
        ruled_out = np.zeros((len(whole), len(gallery)), np.bool_)
        if self.rejected and without != "rejected":
            names = [str(one) for one in sorted(self.rejected)]
            some = [self.rest[np.array(self.rejected[one])] for one in sorted(self.rejected)]
            some = [rows[spread_out(self.embeddings[rows], self.embeddings[:0], MOST)] for rows in some]
            if without != "nearness":
                ruled_out = nearer_to_rejected(whole, heads, gallery, self._gallery(names, some).whitened(whitening))
            for one, pictures in self.rejected.items():
                ruled_out[pictures, np.searchsorted(self.known, one)] = True
        limited = replace(Rule(), threshold=found.threshold)
        return decide(whole, gallery, limited, heads=heads, ruled_out=ruled_out), found

    def look(self, decisions: Decisions, threshold: float, share: float) -> NDArray[np.int64]:
        """A person looks at the least certain pictures, and says what they show; return which these were."""
        count = round(share * len(self.rest))
        named = decisions.verdicts == _ASSIGNED
        certain = np.abs(decisions.nearest.distances - threshold)
        order = np.argsort(certain, kind="stable")
        looked: NDArray[np.int64] = np.concatenate(
            [order[named[order]][: count - count // 2], order[~named[order]][: count // 2]]
        )
        for at in looked.tolist():
            nearest, truth = int(self.known[decisions.nearest.characters[at]]), int(self.truth[at])
            if nearest != truth:
                self.rejected.setdefault(nearest, []).append(at)
            if self.is_known[at]:
                self.confirmed.setdefault(truth, []).append(at)
        return looked

    def figures(self, decisions: Decisions, looked: NDArray[np.int64]) -> list[float]:
        """Right, rightly, strangers, seen, as shares."""
        named = decisions.verdicts == _ASSIGNED
        right = named & (self.known[decisions.nearest.characters] == self.truth)
        new = np.ones(len(self.rest), np.bool_)
        new[looked] = False
        told = named & new, right & new
        after = np.where(new, named, self.is_known), np.where(new, right, self.is_known)
        return [
            told[1].sum() / max(told[0].sum(), 1),
            told[1].sum() / max((self.is_known & new).sum(), 1),
            (named & new & ~self.is_known).sum() / max((~self.is_known & new).sum(), 1),
            after[1].sum() / max(after[0].sum(), 1),
        ]

    def _rows(self, one: int, without: str) -> NDArray[np.int64]:
        rows = self.references[one]
        more = self.rest[np.array(self.confirmed.get(one, []), np.int64)]
        if len(more) == 0 or without == "confirmed":
            return np.asarray(rows, np.int64)
        added = more[spread_out(self.embeddings[more], self.embeddings[rows], MOST)]
        return np.concatenate([rows, added]).astype(np.int64, copy=False)

    def _gallery(self, names: list[str], groups: list[NDArray[np.int64]]) -> Gallery:
        pairs = [(name, False, self.embeddings[rows]) for name, rows in zip(names, groups, strict=True)]
        return Gallery.build(pairs, [self.heads.take(rows) for rows in groups])


def measure(
    views: Set, cohort: Cohort | None, references: int, seed: int, fallback: float, without: str
) -> NDArray[np.float64]:
    """The figures of one draw: a row for each share of `SHARES`."""
    rows = []
    for share in SHARES:
        teaching = Teaching(views, cohort, references, seed, fallback)
        before, found = teaching.run()
        looked = teaching.look(before, found.threshold, share)
        after, _ = teaching.run(without)
        *first, _ = teaching.figures(before, looked)
        *then, seen = teaching.figures(after, looked)
        pairs = zip(first, then, strict=True)
        rows.append([*(value for pair in pairs for value in pair), seen])
    return np.array(rows)


if __name__ == "__main__":
    main()
