"""Reports failed files."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from model.printable import printable

__all__ = ["end_with"]


def end_with(failures: Sequence[tuple[str, str]]) -> None:
    """List `(path, reason)` on standard error and end with code 1; do nothing without failures."""
    for path, reason in failures:
        typer.echo(printable(f"failed: {path}: {reason}"), err=True)
    if failures:
        raise typer.Exit(1)
