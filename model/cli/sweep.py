"""`reid sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with

__all__ = ["sweep"]


def sweep(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the study, its table and its plot.")],
    manifest: Annotated[Path | None, typer.Option(help="Train on the pictures of this manifest.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with the configuration of every trial.")] = None,
    search: Annotated[str, typer.Option(help="grid (the article's), random or tpe.")] = "grid",
    trials: Annotated[int, typer.Option(min=0, help="How many; 0 for the whole grid, or 20.")] = 0,
    runner: Annotated[
        str, typer.Option(help="Who trains: local (this process), or queue (workers on the queue `train`).")
    ] = "local",
    given: Annotated[list[str] | None, typer.Option("--set", help="Replace a value: section.key=value.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto; workers choose their own.")] = "auto",
) -> None:
    """Search learning rate and weight decay; a sweep that was stopped goes on where it was.

    With `--runner queue` the trials travel through the broker of `OSHIWAKE_BROKER_URL` to every machine where
    `producer worker --queues train` runs; manifest and pictures must be seen there under the same paths.
    """
    from model.sweep.command import SweepRequest, run_sweep
    from model.training.config_overrides import override

    more = list(given or [])
    if manifest is not None:
        more.append(override("data.manifest", manifest.absolute()))
    end_with(run_sweep(SweepRequest(output, config, more, search, trials, seed, device, runner)))
