"""What `reid adapt` gains on characters that it has not seen.

    python benchmarks/adapting.py [--data FOLDER] [--views FOLDER] [--splits 6] [--ridge 1 --ridge 10]
    python benchmarks/adapting.py --halves FOLDER              # the halves of the first split, to train on with
    reid adapt FOLDER/gen -o runs/gen --train                  # this, and then
    python benchmarks/adapting.py --trained gen=runs/gen/weights.safetensors

Each labelled set is split by characters into two halves, several times: one half is fitted to, the other is measured.
Figures in percent, mean over the splits:

error      equal error rate over all pairs of whole pictures
rightly    pictures of known characters that get their name where 10 % of strangers get one, with heads and three
           references a character (mean of five draws of who is known)
plain      the same without the half-whitening of the archive, so: what the two have in common
right      names that are right, at the threshold that a run sets, and strangers: those named at it

`--views` keeps the vectors of the sets in that folder, and takes them from there (`views_<set>.npz`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality import DATA
from strangers import draw_references, measure
from views import Set, embedded, labelled_files, views_of

from model.adaptation.within_class_whitening import WithinClassWhitening
from model.evaluation.pairs import all_pairs
from model.evaluation.rates import equal_error, error_rates
from model.matching.calibration import calibrate, whitening_of
from model.matching.cohort import Cohort, read_cohort
from model.matching.gallery import Gallery
from model.matching.rule import decide
from model.network.architecture import colours_in
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from store.head_views import HeadViews
from store.rule import Rule

Turn = Callable[[NDArray[np.float32]], NDArray[np.float32]]

COLUMNS = ("error", "rightly", "plain", "right", "strangers")
DRAWS = 5
NAMED = 0.1
"""Share of strangers that get a name, where methods are compared."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with a folder per set")
    parser.add_argument("--views", type=Path, help="folder for the vectors of the sets")
    parser.add_argument("--splits", type=int, default=6)
    parser.add_argument("--ridge", type=float, action="append", default=[], help="also measure this ridge")
    parser.add_argument("--halves", type=Path, help="make the folders to train on here, and end")
    parser.add_argument("--trained", action="append", default=[], metavar="SET=FILE", help="weights trained on a half")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"{options.data} is not there: nothing to measure on")
    if options.halves:
        link_halves(options.data, options.halves)
        return
    cohort = read_cohort(DEFAULT_WEIGHTS, read_info(DEFAULT_WEIGHTS).dimension)
    print("".join(f"{name:>10}" for name in ("set", "fit", *COLUMNS)))
    for given in options.trained:
        name, _, file = given.partition("=")
        print_trained(name, Path(file), options.data / name, cohort)
    if options.trained:
        return
    ridges = [None, *options.ridge]
    rows: dict[str, list[list[float]]] = {}
    for name, one in views_of(options.data, DEFAULT_WEIGHTS, options.views).items():
        for method, figures in compare(one, cohort, options.splits, ridges).items():
            rows.setdefault(method, []).append(figures)
            print_row(name, method, figures)
    for method, every in rows.items():
        print_row("mean", method, np.nanmean(every, axis=0).tolist())


def compare(one: Set, cohort: Cohort | None, splits: int, ridges: list[float | None]) -> dict[str, list[float]]:
    """The figures of the shipped weights and of each ridge, mean over the splits."""
    colours = colours_in(read_info(DEFAULT_WEIGHTS).architecture) or 0
    found: dict[str, list[list[float]]] = {}
    for seed in range(splits):
        seen, unseen = halves(one, seed)
        found.setdefault("shipped", []).append(figures(unseen, cohort))
        for ridge in ridges:
            turn = WithinClassWhitening.fit(parts(seen), colours, ridge=ridge).applied
            name = "adapted" if ridge is None else f"ridge {ridge:g}"
            found.setdefault(name, []).append(figures(*turned(unseen, cohort, turn)))
    return {name: np.nanmean(rows, axis=0).tolist() for name, rows in found.items()}


def print_trained(name: str, weights: Path, folder: Path, cohort: Cohort | None) -> None:
    """The first split alone: shipped weights, adapted in closed form, and trained on."""
    for method, row in compare(embedded(folder, DEFAULT_WEIGHTS), cohort, 1, [None]).items():
        print_row(f"{name}, 1", method, row)
    _, unseen = halves(embedded(folder, weights), 0)
    print_row(f"{name}, 1", "trained", figures(unseen, None))


def halves(one: Set, seed: int) -> tuple[Set, Set]:
    """The set's two halves of characters."""
    embeddings, heads, labels = one
    first = np.isin(labels, first_half(labels, seed))
    rows = np.flatnonzero(first), np.flatnonzero(~first)
    seen, unseen = ((embeddings[taken], heads.take(taken), labels[taken]) for taken in rows)
    return seen, unseen


def first_half(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The characters to fit to."""
    characters = np.unique(labels)
    return np.random.default_rng(seed).permutation(characters)[: len(characters) // 2]


def parts(one: Set) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Whole pictures, and the surest head of each, with labels."""
    embeddings, heads, labels = one
    surest = heads.surest()
    return [(embeddings, labels), (surest.vectors, np.repeat(labels, np.diff(surest.starts)))]


def turned(one: Set, cohort: Cohort | None, turn: Turn) -> tuple[Set, Cohort | None]:
    """The same vectors as other weights make them."""
    embeddings, heads, labels = one
    other = turn(embeddings), HeadViews(heads.starts, turn(heads.vectors), heads.boxes), labels
    return other, None if cohort is None else replace(cohort, vectors=turn(cohort.vectors))


def figures(one: Set, cohort: Cohort | None) -> list[float]:
    """In percent, in the order of `COLUMNS`."""
    pairs = all_pairs(one[0], one[2])
    rightly, plain = (np.nanmean([known_named(one, cohort, draw, white) for draw in range(DRAWS)]) for white in (1, 0))
    draws = [measure(*one, Rule(), cohort, drawn(one, draw), 0.5)[0] for draw in range(DRAWS)]
    named, _, _, right, *_ = np.nanmean(draws, axis=0)
    rates = equal_error(error_rates(pairs.genuine, pairs.impostor)).rate, rightly, plain, right, named
    return [100 * float(rate) for rate in rates]


def drawn(one: Set, draw: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of three references of each known character, and of all other pictures."""
    return draw_references(one[2], 3, draw, len(one[2]))


def known_named(one: Set, cohort: Cohort | None, draw: int, whitened: int) -> float:
    """Share of the pictures of known characters that get their name where `NAMED` of the strangers get one."""
    embeddings, heads, labels = one
    rows, rest = drawn(one, draw)
    known = np.unique(labels[rows])
    strange = ~np.isin(labels[rest], known)
    if not strange.any():
        return float("nan")
    groups = [rows[labels[rows] == character] for character in known]
    gallery = Gallery.build(
        [(str(character), False, embeddings[group]) for character, group in zip(known, groups, strict=True)],
        [heads.take(group) for group in groups],
    )
    archive, everything = (embeddings[rest], heads.take(rest)), Rule(threshold=2.0)
    found = calibrate(gallery, everything, archive, cohort, fallback=0.5, whitened=bool(whitened))
    whitening = whitening_of(found, embeddings.shape[1])
    whole, own_heads = whitening.applied(*archive)
    decisions = decide(whole, gallery.whitened(whitening), everything, heads=own_heads)
    near = decisions.nearest
    threshold = np.quantile(near.distances[strange], NAMED)
    right = (near.distances <= threshold) & (known[near.characters] == labels[rest])
    return float(right[~strange].mean())


def link_halves(data: Path, output: Path) -> None:
    """Link the pictures of the first split's first half of each set, to train on."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        files, labels = labelled_files(folder)
        first = np.isin(labels, first_half(labels, 0))
        for file in (file for file, taken in zip(files, first, strict=True) if taken):
            place = output / folder.name / file.parent.name / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)


def print_row(name: str, method: str, row: list[float]) -> None:
    """One line of the table."""
    print(f"{name:>10}{method:>10}" + "".join(f"{figure:10.1f}" for figure in row), flush=True)


if __name__ == "__main__":
    main()
