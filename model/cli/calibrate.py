"""`reid calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with
from model.hub.named_weights import named_weights
from store.match import Match
from store.rule import DEFAULT_STRANGERS

__all__ = ["calibrate"]


def calibrate(
    references: Annotated[Path, typer.Argument(help="Your references: one folder per character.")],
    weights: Annotated[
        Path | None,
        typer.Option(parser=named_weights, metavar="FILE|NAME", help="The weights; by default the shipped ones."),
    ] = None,
    strangers: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the pictures of other characters that may get a name.")
    ] = DEFAULT_STRANGERS,
    match: Annotated[Match, typer.Option(help="As of `producer run`.")] = Match.CENTROID,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures here too (JSON).")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what to expect of your references, and which look wrong.

    The threshold is the one that `producer run` would set for these references. A run also looks at the archive, which
    moves it by a few hundredths.
    Nothing is written beside the references.
    """
    from model.matching.calibration_command import run_calibration

    end_with(run_calibration(references, weights, strangers, match, output, device, as_json=as_json))
