"""The calibration file: JSON beside the references, read by `producer … --threshold auto`.

    {"format": "oshiwake-calibration", "version": 1, "weights_digest": …, "preprocessing": …, "threshold": …,
     "source": "references" | "weights", "far_wanted": …, "genuine": …, "impostor": …, "eer": …, …}

A threshold is valid for one network only, so the file holds the digest of the weights.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.errors import EvaluationError
from model.files import write_text
from model.matching.calibration import Calibration
from model.network.weights_file import WeightsInfo
from model.printable import json_text

__all__ = ["CALIBRATION", "calibrated_threshold", "read_calibration", "write_calibration"]

CALIBRATION = ".oshiwake-calibration.json"
"""Name of the file in the reference folder; hidden, so that scans skip it."""

_FORMAT, _VERSION = "oshiwake-calibration", 1


def write_calibration(
    path: Path, found: Calibration, info: WeightsInfo, *, far: float, doubts: list[dict[str, str]]
) -> str:
    """Write the file atomically; return its content."""
    values: dict[str, Any] = {
        "format": _FORMAT,
        "version": _VERSION,
        "weights_digest": info.digest,
        "preprocessing": info.preprocessing.version,
        "far_wanted": far,
        **asdict(found),
        "doubtful": doubts,
    }
    text = json_text(values, indent=1) + "\n"
    write_text(path, text)
    return text


def read_calibration(path: Path, info: WeightsInfo) -> dict[str, Any]:
    """Read the file.

    Raises:
        EvaluationError: It is missing, damaged, or made with other weights; the message says what to do.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror or error}; `reid calibrate` makes it") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: damaged ({error}); run `reid calibrate` again") from error
    if not isinstance(values, dict) or (values.get("format"), values.get("version")) != (_FORMAT, _VERSION):
        raise EvaluationError(f"{path}: no calibration of this program; run `reid calibrate` again")
    if (values.get("weights_digest"), values.get("preprocessing")) != (info.digest, info.preprocessing.version):
        raise EvaluationError(f"{path}: made with other weights; run `reid calibrate` again")
    threshold = values.get("threshold")
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 2:
        raise EvaluationError(f"{path}: its threshold is no cosine distance; run `reid calibrate` again")
    return values


def calibrated_threshold(references: Path, info: WeightsInfo) -> tuple[float, str]:
    """The threshold for a folder of references, and a line on its origin.

    That of the calibration file in the folder, if it is for these weights, else that of the weights.
    """
    try:
        values = read_calibration(references / CALIBRATION, info)
    except EvaluationError as error:
        return info.threshold, f"threshold {info.threshold:.4f} of the weights ({error})"
    if values["source"] != "references":
        return info.threshold, f"threshold {info.threshold:.4f} of the weights ({values.get('note', '')})"
    return float(values["threshold"]), f"threshold {values['threshold']:.4f} calibrated on {references}"
