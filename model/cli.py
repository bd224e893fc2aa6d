"""The command line `reid`: train and evaluate the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from model.errors import ModelError

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _reid() -> None:
    """Train, measure and inspect the network that tells characters apart."""


@app.command(epilog="Example: reid train --config recipe.toml --output runs/first")
def train(
    output: Annotated[Path, typer.Option(help="Folder for checkpoints and the finished weights.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with the configuration.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Replace a value: section.key=value.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the output folder, if there is one.")] = False,
    changed: Annotated[bool, typer.Option(help="Resume although the configuration was changed.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Train a network and write its weights."""
    from model.training.command import run_training

    run_training(config, set_ or [], output, resume=resume, changed=changed, device=device)


def main() -> None:
    """Run the command line; errors of ours end it with one line and exit code 2."""
    try:
        app()
    except ModelError as error:
        print(f"reid: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(2)
