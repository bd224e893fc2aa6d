"""`reid evaluate`: open pictures, embed, measure, and write the report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from model.errors import ConfigurationError
from model.evaluation.embedded_set import embed_by_weights
from model.evaluation.evaluate import EvaluationOptions, evaluate
from model.evaluation.evaluation_sets import drawn_test_set, open_set
from model.evaluation.html_report import check_report, report_page
from model.evaluation.report import plain, print_evaluation
from model.files import write_text
from model.heads.detector import HeadDetector
from model.network.device import device_of
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from model.printable import json_text
from model.terminal import Terminal
from model.training.config import Config
from model.training.training_data import PictureSet

__all__ = ["EvaluationRequest", "run_evaluation"]

_DRAWN_PICTURES = 12


@dataclass(frozen=True)
class EvaluationRequest:
    """The options of `reid evaluate`.

    Attributes:
        data: A manifest or a folder; None for drawn characters.
        weights: The weights, or None for the shipped ones.
        split: The split of a manifest.
        drawn: Number of drawn characters.
        like: Configuration file with the mix of drawn pictures; None for full variety.
        output: Folder for the report, or None.
        options: Of the evaluation.
        device: `cpu`, `cuda` or `auto`.
        as_json: Print only JSON.
    """

    data: Path | None
    weights: Path | None
    split: str
    drawn: int
    like: Path | None
    output: Path | None
    options: EvaluationOptions
    device: str
    as_json: bool = False


def run_evaluation(request: EvaluationRequest) -> list[tuple[str, str]]:
    """Measure, print, and write the report; return `(path, reason)` of pictures that could not be read.

    Raises:
        ModelError: The weights or the data cannot be used, or a report needs the extra `training`.
    """
    if request.output is not None:
        check_report()  # before minutes of work
    path = request.weights or DEFAULT_WEIGHTS
    pictures, failures = _open(request, read_info(path).preprocessing.size_px)
    device = device_of(request.device)
    found, info = embed_by_weights(path, device, pictures, HeadDetector.load(device=device))
    evaluation = evaluate(found.embeddings, found.labels, request.options, found.heads)
    values = {"weights": info.digest, "set": pictures.name} | plain(evaluation, info.threshold)
    failures += [(pictures.call(pictures.pictures[row]), reason) for row, reason in found.failures]
    console = Terminal(soft_wrap=True, stderr=request.as_json)
    if request.as_json:
        print(json_text(values))  # noqa: T201 - what was asked for
    else:
        print_evaluation(values, Terminal())
    if request.output is not None:
        rows = found.rows

        def show(row: int) -> tuple[Image.Image, str, str]:
            label, picture = pictures.pictures[int(rows[row])]
            name = pictures.call((label, picture))
            return (
                pictures.source.load(label, picture),
                pictures.characters[label] if pictures.characters else name,
                name,
            )

        title = f"{path.name} on {pictures.name}"
        write_text(request.output / "report.html", report_page(evaluation, values, title, show))
        write_text(request.output / "report.json", json.dumps(values, ensure_ascii=False, indent=1))
        console.print(f"{request.output / 'report.html'}")
    return failures


def _open(request: EvaluationRequest, size_px: int) -> tuple[PictureSet, list[tuple[str, str]]]:
    if (request.data is None) == (not request.drawn):
        raise ConfigurationError("evaluate: name a manifest or a folder, or else --drawn with a number of characters")
    if request.data is not None:
        return open_set(request.data, request.split)
    like = None if request.like is None else Config.from_toml(request.like).data
    return drawn_test_set(request.drawn, _DRAWN_PICTURES, max(128, size_px), like), []
