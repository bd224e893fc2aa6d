"""Equal error rates of the shipped weights, of a colour histogram and of an untrained network.

    python benchmarks/quality.py [--weights FILE] [--data FOLDER] [--precision int8] [--json FILE]

The sets: drawn characters that no training has seen, and each folder of `labelled-dev` (a folder per character), when
there is one. They are only measured, never trained on. All pairs are compared; the interval is a bootstrap over
characters.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.evaluation.bootstrap import bootstrap_eer
from model.evaluation.pairs import all_pairs
from model.evaluation.rates import equal_error, error_rates
from model.hub.named_weights import named_weights
from model.images.decoding import decode
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.resnet18 import Network
from model.network.torch_engine import TorchEngine
from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo
from model.synthesis import Identity, draw

Embed = Callable[[list[Image.Image]], NDArray[np.float32]]
Labelled = tuple[list[Image.Image], NDArray[np.int64]]

DATA = Path(__file__).parents[2] / "shared" / "data" / "labelled-dev"
UNSEEN_SEED = 1_500_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=named_weights, default=DEFAULT_WEIGHTS)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with a folder per set")
    parser.add_argument("--precision", default="fp32", choices=["auto", "fp32", "bf16", "int8"])
    parser.add_argument("--preprocessing", help="another than the weights name, e.g. v1-pad-96")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--only", action="store_true", help="the weights alone, without the floors")
    options = parser.parse_args()
    embedder = Embedder.load(options.weights, precision=options.precision)
    if options.preprocessing:
        embedder = embedder.under(Preprocessing.from_version(options.preprocessing))
    methods: dict[str, Embed] = {"weights": network_embed(embedder)}
    if not options.only:
        methods |= {"histogram": histograms, "untrained": network_embed(untrained(embedder))}
    rows = [measure(name, *pictures, embedder, methods) for name, pictures in sets(options.data).items()]
    print_table(rows, list(methods))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def sets(data: Path) -> dict[str, Labelled]:
    """The sets by name; says when the real ones are not there."""
    found = {"drawn": drawn(200, 5)}
    if not data.is_dir():
        print(f"{data} is not there: measured on drawn characters alone")
        return found
    return found | {folder.name: labelled(folder) for folder in sorted(data.iterdir()) if folder.is_dir()}


def drawn(characters: int, pictures: int) -> Labelled:
    """Characters of seeds that no training uses."""
    shown = [draw(Identity.from_seed(UNSEEN_SEED + i), k) for i in range(characters) for k in range(pictures)]
    return shown, np.repeat(np.arange(characters), pictures)


def labelled(folder: Path) -> Labelled:
    """The pictures of a folder with a folder per character."""
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    _, labels = np.unique([path.parent.name for path in files], return_inverse=True)
    return [decode(path.read_bytes()) for path in files], labels.astype(np.int64)


def network_embed(embedder: Embedder) -> Embed:
    """Embed by a network."""

    def embed(pictures: list[Image.Image]) -> NDArray[np.float32]:
        prepare = embedder.info.preprocessing
        parts = [
            embedder.embed(np.stack([prepare(p) for p in pictures[i : i + 64]])) for i in range(0, len(pictures), 64)
        ]
        return np.concatenate(parts)

    return embed


def untrained(like: Embedder) -> Embedder:
    """The same network at random weights."""
    import torch

    torch.manual_seed(0)
    preprocessing: Preprocessing = like.info.preprocessing
    engine = TorchEngine(Network(like.info.dimension))
    return Embedder(engine, WeightsInfo("", "", like.info.dimension, preprocessing, 0.5))


def histograms(pictures: list[Image.Image]) -> NDArray[np.float32]:
    """8 x 8 x 8 colour histograms, as unit vectors of square roots: the dot product is Bhattacharyya's."""
    return np.stack([histogram(picture) for picture in pictures])


def histogram(picture: Image.Image) -> NDArray[np.float32]:
    """Share of the pixels in each of 512 colours, square root."""
    bins = np.asarray(picture).reshape(-1, 3).astype(np.int64) // 32
    counts = np.bincount(bins @ [64, 8, 1], minlength=512)
    roots: NDArray[np.float32] = np.sqrt(counts / counts.sum()).astype(np.float32)
    return roots


def measure(
    name: str, pictures: list[Image.Image], labels: NDArray[np.int64], embedder: Embedder, methods: dict[str, Embed]
) -> dict[str, object]:
    """Equal error rate and interval of each method, and the rates at the stored threshold."""
    row: dict[str, object] = {"set": name, "pictures": len(labels), "characters": len(np.unique(labels))}
    for method, embed in methods.items():
        pairs = all_pairs(embed(pictures), labels)
        rates = error_rates(pairs.genuine, pairs.impostor)
        equal = equal_error(rates)
        row[method] = [equal.rate, *bootstrap_eer(pairs, labels, draws=50)]
        if method == "weights":
            row["eer_threshold"] = equal.threshold
            row["far"], row["frr"] = rates.at(embedder.info.threshold)
    return row


def print_table(rows: list[dict[str, object]], methods: list[str]) -> None:
    """Print the figures in percent."""
    print(
        f"{'set':8}{'pictures':>9}{'chars':>7}" + "".join(f"{m:>22}" for m in methods) + "   threshold: equal, FAR, FRR"
    )
    for row in rows:
        cells = ""
        for method in methods:
            rate, low, high = (100 * value for value in row[method])  # type: ignore[attr-defined]
            cells += f"{rate:8.1f} ({low:4.1f}-{high:4.1f})"
        print(
            f"{row['set']:8}{row['pictures']:9}{row['characters']:7}{cells}"
            f"   {row['eer_threshold']:.3f} {100 * row['far']:.1f} {100 * row['frr']:.1f}"  # type: ignore[operator]
        )


if __name__ == "__main__":
    main()
