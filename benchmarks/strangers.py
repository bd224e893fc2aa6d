"""What the rule does with pictures of known characters and of strangers, characters that have no references.

    python benchmarks/strangers.py [--weights FILE] [--data FOLDER] [--views FOLDER] [--references 3] [--draws 20]

Of the characters with enough pictures three in four get references, all others are strangers; the mean over several
draws of who is who, and in brackets where 95 % of the draws lie. The sets are those of quality.py, without the drawn
one; all pictures but the references are the archive. Figures in percent:

strangers  strangers that get a name
rightly    pictures of known characters that get their name, and wrongly: another one
right      names that are right, where three pictures in four show a known character
missed     pictures of known characters beyond the threshold, and told: how many the pass says beforehand
nearest    pictures of known characters whose nearest character is theirs, whatever the distance
error      mean difference between the confidence of names and the share of them that is right (ten bins, all draws)

`--doubts` measures something else: how many references `reid calibrate` doubts of those that are right (clean), and of
those that show somebody else, one in a fifth of the characters (planted). With `--characters N` only so many characters
have references.

`--views` keeps the vectors of the sets in that folder, and takes them from there (`views_<set>.npz`).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality import DATA
from views import Set, views_of

from model.matching.calibration import calibrate, name_chances, whitening_of
from model.matching.cohort import Cohort, read_cohort
from model.matching.confidence import KNOWN
from model.matching.doubt import doubtful
from model.matching.gallery import Gallery
from model.matching.leave_one_out import leave_one_out
from model.matching.rule import VERDICTS, Verdict, decide
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from store.head_views import HeadViews
from store.match import Match
from store.rule import DEFAULT_STRANGERS, Rule

Names = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]
"""Of the names given: confidence, whether it is right, weight."""

COLUMNS = ("strangers", "rightly", "wrongly", "right", "missed", "told", "nearest")
BINS = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with a folder per set")
    parser.add_argument("--views", type=Path, help="folder with the vectors of the sets")
    parser.add_argument("--whole", action="store_true", help="leave the heads out")
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--strangers", type=float, default=DEFAULT_STRANGERS)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--match", type=Match, choices=list(Match), default=Match.CENTROID)
    parser.add_argument("--margin", type=float, default=Rule.margin)
    parser.add_argument("--plain", action="store_true", help="take nothing off, as versions before this rule")
    parser.add_argument("--characters", type=int, default=10**9, help="as many have references at most")
    parser.add_argument("--doubts", action="store_true", help="measure which references are doubted, and nothing else")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    info = read_info(options.weights)
    cohort = read_cohort(options.weights, info.dimension)
    rule = Rule(options.threshold, options.match, options.margin, strangers=options.strangers)
    sets = views_of(options.data, options.weights, options.views)
    if options.doubts:
        print_doubts(sets, rule, options.references, options.characters, options.draws)
        return
    print(f"{options.references} references, {rule}, cohort of {0 if cohort is None else len(cohort.vectors)}")
    print(f"{'set':8}" + "".join(f"{name:>18}" for name in COLUMNS) + "   error")
    every, errors = {}, {}
    for name, (embeddings, heads, labels) in sets.items():
        one = embeddings, HeadViews.none(len(labels), embeddings.shape[1]) if options.whole else heads, labels
        draws = [
            measure(
                *one,
                rule,
                cohort,
                draw_references(labels, options.references, draw, options.characters),
                info.threshold,
                whitened=not options.plain,
            )
            for draw in range(options.draws)
        ]
        every[name] = 100 * np.array([figures for figures, _ in draws])
        errors[name] = 100 * calibration_error([names for _, names in draws])
        print_row(name, every[name], errors[name])
    print_row("mean", np.mean(list(every.values()), axis=0), float(np.mean(list(errors.values()))))
    if options.json:
        means = {
            name: dict(zip((*COLUMNS, "error"), [*np.nanmean(rows, axis=0), errors[name]], strict=True))
            for name, rows in every.items()
        }
        options.json.write_text(json.dumps(means, indent=1))


def draw_references(
    labels: NDArray[np.int64], references: int, seed: int, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the references, those of one character side by side, and of all other pictures.

    Where fewer characters have references than could, the pictures of the others are strangers.
    """
    random = np.random.default_rng(seed)
    characters, counts = np.unique(labels, return_counts=True)
    able = characters[counts > references]
    known = np.sort(random.permutation(able)[: min(most, round(KNOWN * len(able)))])
    rows = np.concatenate([random.permutation(np.flatnonzero(labels == one))[:references] for one in known])
    return rows, np.setdiff1d(np.arange(len(labels)), rows)


def gallery_of(
    embeddings: NDArray[np.float32], heads: HeadViews, rows: NDArray[np.int64], labels: NDArray[np.int64]
) -> Gallery:
    """The rows as references of these characters, in their order."""
    groups = [rows[labels == one] for one in np.unique(labels)]
    return Gallery.build([("", False, embeddings[group]) for group in groups], [heads.take(group) for group in groups])


def print_doubts(sets: dict[str, Set], rule: Rule, references: int, most: int, draws: int) -> None:
    """Doubted references of each set in percent, with the interval of the draws."""
    print(f"{'set':8}{'clean':>18}{'planted':>18}")
    every = []
    for name, (embeddings, heads, labels) in sets.items():
        found = []
        for draw in range(draws):
            rows, rest = draw_references(labels, references, draw, most)
            random = np.random.default_rng(draw)
            clean = doubted(embeddings, heads, rows, labels[rows], rule)
            places = random.permutation(len(rows) // references)[: max(1, round(len(rows) / references / 5))]
            places = places * references + random.integers(0, references, len(places))
            wrong = rows.copy()
            for place in places:
                wrong[place] = random.choice(rest[labels[rest] != labels[rows[place]]])
            planted = doubted(embeddings, heads, wrong, labels[rows], rule)[places]
            found.append([100 * clean.mean(), 100 * planted.mean()])
        every.append(found)
        print_row(name, np.array(found))
    print_row("mean", np.mean(every, axis=0))


def doubted(
    embeddings: NDArray[np.float32], heads: HeadViews, rows: NDArray[np.int64], labels: NDArray[np.int64], rule: Rule
) -> NDArray[np.bool_]:
    """Which of some references, those of one character side by side, are doubted, as `reid calibrate` does."""
    gallery, size = gallery_of(embeddings, heads, rows, labels), embeddings.shape[1]
    found = calibrate(gallery, rule, (embeddings[:0], HeadViews.none(0, size)), None, fallback=1.0)
    whitened = gallery.whitened(whitening_of(found, size))
    doubts = np.zeros(len(rows), np.bool_)
    doubts[[one.row for one in doubtful(whitened, leave_one_out(whitened, rule.match), rule.match)]] = True
    return doubts


def measure(
    embeddings: NDArray[np.float32],
    heads: HeadViews,
    labels: NDArray[np.int64],
    rule: Rule,
    cohort: Cohort | None,
    drawn: tuple[NDArray[np.int64], NDArray[np.int64]],
    fallback: float,
    *,
    whitened: bool = True,
) -> tuple[list[float], Names]:
    """The figures of one draw, in the order of `COLUMNS`, as shares, and the names given."""
    rows, rest = drawn
    known = np.unique(labels[rows])
    gallery = gallery_of(embeddings, heads, rows, labels[rows])
    archive = embeddings[rest], heads.take(rest)
    found = calibrate(gallery, rule, archive, cohort, fallback=fallback, whitened=whitened)
    whitening = whitening_of(found, embeddings.shape[1])
    whole, own_heads = whitening.applied(*archive)
    limited = replace(rule, threshold=found.threshold)
    decisions = decide(whole, gallery.whitened(whitening), limited, heads=own_heads)
    named = decisions.verdicts == VERDICTS.index(Verdict.ASSIGNED)
    right = known[decisions.nearest.characters] == labels[rest]
    is_known = np.isin(labels[rest], known)
    strangers, rightly, wrongly = (
        float(one.mean()) for one in (named[~is_known], (named & right)[is_known], (named & ~right)[is_known])
    )
    names = KNOWN * (rightly + wrongly) + (1 - KNOWN) * strangers
    weights = np.where(is_known, KNOWN / is_known.sum(), (1 - KNOWN) / (~is_known).sum())[named]
    chances = name_chances(decisions.nearest.take(np.flatnonzero(named)), found)
    missed = float((decisions.nearest.distances > found.threshold)[is_known].mean())
    nearest = float(right[is_known].mean())
    told = np.nan if found.known_missed is None else found.known_missed
    given = np.full(int(named.sum()), np.nan, np.float32) if chances is None else chances, right[named], weights
    share = KNOWN * rightly / names if names else np.nan
    return [strangers, rightly, wrongly, share, missed, told, nearest], given


def calibration_error(draws: list[Names]) -> float:
    """Expected calibration error: mean over the names of |confidence - share that is right| of their bin."""
    chances, right, weights = (np.concatenate(part) for part in zip(*draws, strict=True))
    if np.isnan(chances).any():
        return float("nan")
    bins = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(bins, weights * (chances - right), BINS)
    return float(np.abs(apart).sum() / weights.sum())


def print_row(name: str, draws: NDArray[np.float64], error: float | None = None) -> None:
    """Mean and interval of each figure, and the calibration error if there is one."""
    cells = ""
    for column in draws.T:
        low, high = np.nanquantile(column, [0.025, 0.975])
        cells += f"{np.nanmean(column):6.1f} ({low:4.1f}-{high:4.1f})".rjust(18)
    print(f"{name:8}{cells}" + ("" if error is None else f"{error:8.1f}"), flush=True)


if __name__ == "__main__":
    main()
