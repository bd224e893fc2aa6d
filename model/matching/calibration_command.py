"""`reid calibrate`: embed references, measure, print, and write the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from model.dataset.scan import scan_folders
from model.errors import DatasetError
from model.matching.calibration import Calibration, calibrate, doubtful
from model.matching.calibration_file import CALIBRATION, write_calibration
from model.network.weights_file import DEFAULT_WEIGHTS, load_network
from model.terminal import Terminal
from model.training.dataset import FileDataset
from model.training.train_command import device_of
from model.training.training_data import PictureSet
from model.training.validation import embed_set

__all__ = ["run_calibration"]


def run_calibration(
    references: Path, weights: Path | None, far: float, output: Path | None, device: str, *, as_json: bool = False
) -> list[tuple[str, str]]:
    """Calibrate on a folder of references; return `(path, reason)` of files that cannot be read.

    Raises:
        ModelError: The weights or the folder cannot be used.
    """
    network, info = load_network(weights or DEFAULT_WEIGHTS)
    pictures, failures = _open(references)
    embedded = embed_set(network.to(torch.device(device_of(device))), pictures, info.preprocessing)
    failures += [(pictures.call(pictures.pictures[row]), reason) for row, reason in embedded.failures]
    found = calibrate(embedded.embeddings, embedded.labels, far=far, fallback=info.threshold)
    doubts = [
        {"path": pictures.call(pictures.pictures[int(embedded.rows[doubt.row])]), "reason": doubt.reason}
        for doubt in doubtful(embedded.embeddings, embedded.labels, pictures.characters, found.threshold)
    ]
    path = output or references / CALIBRATION
    text = write_calibration(path, found, info, far=far, doubts=doubts)
    if as_json:
        print(text, end="")  # noqa: T201 - what was asked for
    else:
        _print(found, doubts, path)
    return failures


def _open(references: Path) -> tuple[PictureSet, list[tuple[str, str]]]:
    """All references, including those of characters with only one."""
    found = scan_folders(references)
    if not found.entries:
        raise DatasetError(f"{references}: no picture in a folder named after a character")
    names, labels = np.unique([entry.characters[0] for entry in found.entries], return_inverse=True)
    source = FileDataset([Path(entry.path) for entry in found.entries])
    pictures = [(int(label), row) for row, label in enumerate(labels)]
    return PictureSet(source, pictures, str(references), tuple(str(name) for name in names)), found.failures


def _print(found: Calibration, doubts: list[dict[str, str]], path: Path) -> None:
    console = Terminal(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{found.genuine} genuine and {found.impostor} impostor pairs")
    if found.eer is None:
        console.print(f"threshold {found.threshold:.4f} of the weights is kept: {found.note}")
    else:
        console.print(f"equal error rate {100 * found.eer:.2f} % at {found.eer_threshold:.4f}")
        console.print(
            f"threshold {found.threshold:.4f}: FAR {100 * (found.far or 0):.2f} %, FRR {100 * (found.frr or 0):.2f} %"
        )
    for doubt in doubts:
        console.print(f"looks wrong: {doubt['path']}: {doubt['reason']}")
    console.print(f"written to {path}")
