"""`reid sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with
from model.extras import require_training

__all__ = ["sweep"]


def sweep(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the study; processes with the same one share the trials.")
    ],
    manifest: Annotated[Path | None, typer.Option(help="Train on the pictures of this manifest.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with the configuration of every trial.")] = None,
    search: Annotated[str, typer.Option(help="grid (the article's), random or tpe.")] = "grid",
    trials: Annotated[
        int, typer.Option(min=0, help="Number of trials of all processes together; 0 for the whole grid, or 20.")
    ] = 0,
    given: Annotated[list[str] | None, typer.Option("--set", help="Replace a value: section.key=value.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Search learning rate and weight decay.

    Called again, a sweep that was stopped continues. To share a sweep, start the same command on several machines,
    or once per GPU, with --output on a folder that all of them see. Manifest and pictures must have the same paths
    on each machine.
    """
    require_training("a sweep")
    from model.sweep.command import SweepRequest, run_sweep
    from model.training.config_overrides import override

    more = list(given or [])
    if manifest is not None:
        more.append(override("data.manifest", manifest.absolute()))
    end_with(run_sweep(SweepRequest(output, config, more, search, trials, seed, device)))
