"""`reid calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with

__all__ = ["calibrate"]


def calibrate(
    references: Annotated[Path, typer.Argument(help="Your references: one folder per character.")],
    weights: Annotated[Path | None, typer.Option(help="The weights; by default the shipped ones.")] = None,
    far: Annotated[float, typer.Option(min=0, max=1, help="Wanted share of accepted pairs of two characters.")] = 0.01,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write (JSON).")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print what the file holds.")] = False,
) -> None:
    """Calibrate the threshold on your own references, and name doubtful references.

    With too few pairs the threshold of the weights is kept, and the output says so.
    """
    from model.matching.calibration_command import run_calibration

    end_with(run_calibration(references, weights, far, output, device, as_json=as_json))
