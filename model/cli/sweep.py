"""`reid sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["sweep"]


def sweep(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the study and its trials.")],
    manifest: Annotated[Path | None, typer.Option(help="Train on the pictures of this manifest.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with the configuration of every trial.")] = None,
    search: Annotated[str, typer.Option(help="grid (the article's), random or tpe.")] = "grid",
    trials: Annotated[int, typer.Option(min=0, help="How many; 0 for the whole grid, or 20.")] = 0,
    override: Annotated[list[str] | None, typer.Option("--set", help="Replace a value: section.key=value.")] = None,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Search learning rate and weight decay; a sweep that was stopped goes on where it was."""
    from model.sweep.command import SweepRequest, run_sweep

    more = list(override or [])
    if manifest is not None:
        more.append(f"data.manifest='{manifest.absolute()}'")
    run_sweep(SweepRequest(output, config, more, search, trials, seed, device))
