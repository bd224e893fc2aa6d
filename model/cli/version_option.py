"""The option `--version`, the same for both command lines."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

__all__ = ["Version"]


def _print(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oshiwake {version('oshiwake')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=_print, help="Show the version and exit.")]
