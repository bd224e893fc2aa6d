"""What the assignment rule does with strangers: pictures of characters that have no references.

    python benchmarks/strangers.py [--weights FILE] [--data FOLDER] [--references 3] [--draws 6]

Half of the characters with enough pictures get references, all others are strangers; the mean over several draws of
who is who. The sets are those of quality.py, without the drawn one. Shares in percent: of the strangers, how many are
named; of the known ones, how many rightly and how many wrongly. The others are unknown or to review.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality import DATA, labelled, network_embed

from model.evaluation.identification import draw_gallery
from model.matching.rule import Gallery, Verdict, assign
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from store.rule import Rule

RULES = ((2.0, 0.0), (0.0, 0.0), (0.0, 0.02), (0.0, 0.04), (0.20, 0.02), (0.20, 0.04), (0.15, 0.02))
"""Threshold and margin; 2 takes the nearest at whatever distance, 0 stands for the threshold of the weights."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with a folder per set")
    parser.add_argument("--references", type=int, default=3)
    parser.add_argument("--draws", type=int, default=6)
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"{options.data} is not there")
    embedder = Embedder.load(options.weights)
    sets = {folder.name: labelled(folder) for folder in sorted(options.data.iterdir()) if folder.is_dir()}
    embedded = {name: (network_embed(embedder)(pictures), labels) for name, (pictures, labels) in sets.items()}
    print(f"shares of {', '.join(sets)}")
    print(f"{'threshold':>10}{'margin':>8}   strangers named     known rightly       known wrongly")
    for threshold, margin in RULES:
        rule = Rule(threshold or embedder.info.threshold, margin=margin)
        shares = [
            np.mean([named(*one, rule, options.references, draw) for draw in range(options.draws)], axis=0)
            for one in embedded.values()
        ]
        columns = ("  /".join(f"{100 * share:4.0f}" for share in column) for column in zip(*shares, strict=True))
        print(f"{rule.threshold:10.4f}{margin:8.2f}   " + "     ".join(columns), flush=True)


def named(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], rule: Rule, references: int, seed: int
) -> tuple[float, float, float]:
    """Shares of strangers named, of known ones named rightly, and of known ones named wrongly."""
    gallery, probes = draw_gallery(labels, references, np.random.default_rng(seed))
    known = np.unique(labels[gallery])
    groups = [(str(one), False, embeddings[gallery[labels[gallery] == one]]) for one in known]
    decisions = assign(embeddings[probes], Gallery.build(groups), rule)
    given = np.array([int(one.characters[0]) if one.verdict is Verdict.ASSIGNED else -1 for one in decisions])
    true, is_known = labels[probes], np.isin(labels[probes], known)
    rightly = given[is_known] == true[is_known]
    wrongly = (given[is_known] != -1) & ~rightly
    return float((given[~is_known] != -1).mean()), float(rightly.mean()), float(wrongly.mean())


if __name__ == "__main__":
    main()
