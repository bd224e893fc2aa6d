"""`reid evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with
from model.hub.named_weights import named_weights

__all__ = ["evaluate"]


def evaluate(
    data: Annotated[Path | None, typer.Argument(help="A manifest, or a folder with one folder per character.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(parser=named_weights, metavar="FILE|NAME", help="The weights; by default the shipped ones."),
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of a manifest: training, development or test.")] = "test",
    drawn: Annotated[int, typer.Option(min=0, help="Measure on so many drawn characters instead of DATA.")] = 0,
    config: Annotated[
        Path | None, typer.Option(help="Draw them as this configuration does; else in all variety.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for report.html and report.json; needs the extra `training`."),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Genuine and impostor pairs to draw, each.")] = 10_000,
    all_pairs_up_to: Annotated[int, typer.Option(min=0, help="Compare all pairs of up to so many pictures.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print what report.json holds, and no table.")] = False,
) -> None:
    """Measure how well weights distinguish unseen characters.

    Unseen are characters that the weights were not trained on. Heads are looked for as in a run.
    """
    from model.evaluation.evaluate import EvaluationOptions
    from model.evaluation.evaluate_command import EvaluationRequest, run_evaluation

    options = EvaluationOptions(pairs=pairs, all_pairs_up_to=all_pairs_up_to, seed=seed)
    end_with(run_evaluation(EvaluationRequest(data, weights, split, drawn, config, output, options, device, as_json)))
