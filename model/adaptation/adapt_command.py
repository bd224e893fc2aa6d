"""What `reid adapt` does without `--train`: embed sorted pictures, fit, and write weights of their own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.adaptation.adapted_weights import colours_of, write_adapted
from model.adaptation.labelled_views import LabelledViews, embed_views
from model.adaptation.within_class_whitening import WithinClassWhitening
from model.counted_nouns import counted
from model.dataset.manifest import settle
from model.dataset.scan import scan_folders
from model.errors import ConfigurationError, DatasetError, EvaluationError, WeightsError
from model.evaluation.pairs import all_pairs
from model.evaluation.rates import equal_error, error_rates
from model.heads.detector import HeadDetector
from model.heads.weights_file import DEFAULT_DETECTOR
from model.network.architecture import ONNX
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo, read_info
from model.terminal import Terminal
from model.work_progress import WorkProgress

__all__ = ["MOST_PICTURES", "Sorted", "run_closed_form"]

MOST_PICTURES = 4_000
"""Pictures that are embedded at most, eight for each of 500 dimensions: the command never takes more than minutes."""


@dataclass(frozen=True)
class Sorted:
    """Pictures in folders of characters.

    Attributes:
        files: Path and label of each picture.
        characters: Names by label.
        failures: `(path, reason)` of files that cannot be read.
    """

    files: list[tuple[str, int]]
    characters: list[str]
    failures: list[tuple[str, str]]


def run_closed_form(folder: Path, output: Path, init: str, device: str) -> list[tuple[str, str]]:
    """Adapt weights to a folder of sorted pictures in closed form.

    Args:
        folder: A folder per character.
        output: The weights file to write, or a folder for `weights.safetensors`.
        init: `default`, or a weights file.
        device: `cpu`, `cuda` or `auto`.

    Returns:
        `(path, reason)` of files that could not be read.

    Raises:
        ModelError: The folder holds fewer than two characters with two pictures, the weights cannot be used, or the
            output exists.
    """
    path = output if output.suffix == ".safetensors" else output / "weights.safetensors"
    if path.exists():
        raise ConfigurationError(f"{path} exists: choose another output, nothing is overwritten")
    origin = DEFAULT_WEIGHTS if init == "default" else Path(init)
    info = read_info(origin)
    if info.architecture == ONNX:
        raise WeightsError(f"{origin}: holds an ONNX network, which can be run but not trained")
    console = Terminal(stderr=True)
    with WorkProgress(console, "pictures") as progress:
        progress.begin("listing the pictures")
        listed = list_sorted(folder, progress)
        progress.begin("loading the network")
        device = _device(device)
        embedder, detector = Embedder.load(origin, device=device), HeadDetector.load(DEFAULT_DETECTOR, device=device)
        progress.begin("embedding", len(listed.files))
        views = embed_views(listed.files, embedder, detector, progress.show)
    views = _paired(views, folder)
    whitening = WithinClassWhitening.fit(views.parts, colours_of(info))
    measured = _measured(views, colours_of(info))
    characters = len(np.unique(views.labels))
    recipe = {
        "command": " ".join(["reid", *sys.argv[1:]]),
        "method": "within-class whitening",
        "characters": characters,
        "pictures": len(views.labels),
        "heads": len(views.head_labels),
    }
    first = np.unique(views.labels, return_index=True)[1]
    written = write_adapted(path, origin, whitening, views.whole[first], measured, recipe)
    _tell(path, written, views, characters)
    return listed.failures + views.failures


def list_sorted(folder: Path, progress: WorkProgress, *, most: int = MOST_PICTURES) -> Sorted:
    """List the pictures of the characters that have two or more.

    Args:
        folder: A folder per character.
        progress: Shows how many are listed.
        most: How many pictures are kept: two of each character, then two more of each, as far as they go.

    Raises:
        DatasetError: There is no such folder, or no picture in it.
    """
    found = scan_folders(folder, report=progress.show)
    entries = settle(found.entries, "drop")
    names, labels = np.unique([entry.characters[0] for entry in entries], return_inverse=True)
    kept = _share(labels.astype(np.int64), most)
    return Sorted(
        [(entries[row].path, int(labels[row])) for row in kept], [str(name) for name in names], found.failures
    )


def _share(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows of at most so many pictures; which of a label, and which labels come first, is left to chance."""
    random = np.random.default_rng(0)
    order = random.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))]).astype(np.int64)
    rounds = (np.arange(len(labels)) - starts[labels[order]]) // 2
    turns = random.permutation(len(starts) - 1)[labels[order]]
    return np.sort(order[np.lexsort((turns, rounds))[:most]]).astype(np.int64)


def _device(name: str) -> str:
    if name == "cpu":
        return name
    from model.network.device import device_of

    return device_of(name)


def _paired(views: LabelledViews, folder: Path) -> LabelledViews:
    """Those of characters of which two pictures were read.

    Raises:
        DatasetError: They are fewer than two.
    """
    labels, counts = np.unique(views.labels, return_counts=True)
    if (counts >= 2).sum() < 2:
        raise DatasetError(f"{folder}: fewer than two characters with two readable pictures each; that teaches nothing")
    kept = views.of(labels[counts >= 2])
    return LabelledViews(kept.whole, kept.labels, kept.heads, kept.head_labels, views.failures)


def _measured(views: LabelledViews, colours: int) -> dict[str, Any]:
    """Equal error rates of whole pictures before and after, on characters that the fit has not seen.

    The characters are halved. Each half is measured with what was fitted on the other, and the two rates are averaged.
    """
    characters = np.random.default_rng(1).permutation(np.unique(views.labels))
    halves = [views.of(characters[start::2]) for start in (0, 1)]
    try:
        before = [_equal_error(half.whole, half.labels) for half in halves]
        fits = [WithinClassWhitening.fit(half.parts, colours) for half in halves]
        after = [
            _equal_error(fit.applied(half.whole), half.labels) for fit, half in zip(fits, reversed(halves), strict=True)
        ]
    except EvaluationError:
        return {"note": "nothing measured: that needs four characters"}
    return {
        "set": f"{counted(len(characters), 'character')}, {counted(len(views.labels), 'picture')}, in two halves",
        "eer": round(float(np.mean(after)), 6),
        "eer_before": round(float(np.mean(before)), 6),
    }


def _equal_error(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    pairs = all_pairs(vectors, labels)
    return equal_error(error_rates(pairs.genuine, pairs.impostor)).rate


def _tell(path: Path, info: WeightsInfo, views: LabelledViews, characters: int) -> None:
    console = Terminal(soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{path}: fitted to {counted(len(views.labels), 'picture')} and {counted(len(views.head_labels), 'head')} of"
        f" {counted(characters, 'character')}"
    )
    rate = info.measured.get("eer")
    if rate is None:
        console.print(f"{info.measured['note']}; `reid evaluate` measures on other folders")
        return
    before = info.measured["eer_before"]
    console.print(
        f"equal error rate on characters that a fit has not seen: {100 * before:.1f} % before, {100 * rate:.1f} % after"
    )
    if rate >= before:
        console.print("that is no gain: keep the weights before, or check the folders")
