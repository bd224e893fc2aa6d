"""What `reid calibrate` does: embed references, measure, print; write nothing beside them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model.dataset.reserved_folders import is_negative
from model.dataset.scan import scan_folders
from model.errors import DatasetError
from model.evaluation.embedded_set import embed_by_weights
from model.files import write_text
from model.heads.detector import HeadDetector
from model.matching.calibration import calibrate, whitening_of
from model.matching.cohort import read_cohort
from model.matching.doubt import doubtful
from model.matching.expectation import expectation
from model.matching.gallery import Gallery
from model.matching.leave_one_out import leave_one_out
from model.network.device import device_of
from model.network.weights_file import DEFAULT_WEIGHTS
from model.printable import json_text
from model.terminal import Terminal
from model.training.dataset import FileDataset
from model.training.training_data import PictureSet
from store.head_views import HeadViews
from store.match import Match
from store.pass_calibration import PassCalibration
from store.rule import Rule

__all__ = ["run_calibration"]


def run_calibration(
    references: Path,
    weights: Path | None,
    strangers: float,
    match: Match,
    output: Path | None,
    device: str,
    *,
    as_json: bool = False,
) -> list[tuple[str, str]]:
    """Calibrate on a folder of references; return `(path, reason)` of files that cannot be read.

    Raises:
        ModelError: The weights or the folder cannot be used.
    """
    file = weights or DEFAULT_WEIGHTS
    pictures, failures = _open(references)
    kind = device_of(device)
    embedded, info = embed_by_weights(file, kind, pictures, HeadDetector.load(device=kind))
    failures += [(pictures.call(pictures.pictures[row]), reason) for row, reason in embedded.failures]
    if len(embedded.labels) == 0:
        raise DatasetError(f"{references}: not one reference can be read")
    order = np.argsort(embedded.labels, kind="stable")
    groups = [order[embedded.labels[order] == label] for label in np.unique(embedded.labels)]
    names = [pictures.characters[embedded.labels[rows[0]]] for rows in groups]
    gallery = Gallery.build(
        [(name, is_negative(name), embedded.embeddings[rows]) for name, rows in zip(names, groups, strict=True)],
        [embedded.heads.take(rows) for rows in groups],
    )
    if all(gallery.negative):
        raise DatasetError(f"{references}: not one reference of a character can be read")
    nothing = np.empty((0, info.dimension), np.float32), HeadViews.none(0, info.dimension)
    cohort = read_cohort(file, info.dimension)
    found = calibrate(gallery, Rule(strangers=strangers, match=match), nothing, cohort, fallback=info.threshold)
    whitened = gallery.whitened(whitening_of(found, info.dimension))
    doubts = [
        {"path": pictures.call(pictures.pictures[int(embedded.rows[order[doubt.row]])]), "reason": doubt.reason}
        for doubt in doubtful(whitened, leave_one_out(whitened, match), match)
    ]
    values = {**asdict(found), "strangers_wanted": strangers, "match": match.value, "doubtful": doubts}
    for long in ("centre", "head_centre", "directions", "strangers", "confidence"):
        del values[long]
    if output:
        write_text(output, json_text(values, indent=1) + "\n")
    if as_json:
        print(json_text(values, indent=1))  # noqa: T201 - what was asked for
    else:
        _print(found, values, output)
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


def _print(found: PassCalibration, values: dict[str, Any], output: Path | None) -> None:
    console = Terminal(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{found.references} references of {found.characters} characters, {found.cohort} drawn strangers")
    if line := expectation(found.threshold, found.strangers_named, found.known_missed):
        console.print(line)
    if found.remark:
        console.print(f"threshold {found.threshold:.2f} is {found.remark}")
    for doubt in values["doubtful"]:
        console.print(f"looks wrong: {doubt['path']}: {doubt['reason']}")
    if output:
        console.print(f"written to {output}")
