"""The entry point of `reid`, and its error messages."""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import typer

from model.cli.calibrate import calibrate
from model.cli.dataset import dataset
from model.cli.evaluate import evaluate
from model.cli.heads import heads
from model.cli.help_style import HELP_STYLE
from model.cli.sheet import sheet
from model.cli.sweep import sweep
from model.cli.train import adapt, train
from model.cli.version_option import Version
from model.cli.weights import weights
from model.errors import ModelError
from model.printable import printable

__all__ = ["app", "main"]

app = typer.Typer(name="reid", **HELP_STYLE)


@app.callback(epilog="Example: reid train --manifest faces.parquet --output runs/faces")
def _reid(version: Version = False) -> None:
    """Train, measure and inspect the network that distinguishes characters."""


app.add_typer(dataset, name="dataset")
app.command(epilog="Example: reid train --manifest faces.parquet --output runs/faces")(train)
app.command(epilog="Example: reid adapt sorted/ --output mine.safetensors")(adapt)
app.command(epilog="Example: reid evaluate faces.parquet --split test --output report/")(evaluate)
app.command(epilog="Example: reid calibrate references/ --strangers 0.05")(calibrate)
app.command(epilog="Example: reid sweep --manifest faces.parquet --output runs/sweep --trials 12")(sweep)
app.command(epilog="Example: reid sheet --output characters.png")(sheet)
app.add_typer(heads, name="heads")
app.add_typer(weights, name="weights")


def main() -> None:
    """Run the command line.

    Exit codes: 0 done; 1 done, but some files failed (they are listed); 2 wrong use or bad configuration.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # show undecodable file names with escapes
    try:
        app()
    except ModelError as error:
        _refuse(str(error))
    except OSError as error:
        # A full disk, a folder without permission: the system's message names the cause.
        where = error.filename2 or error.filename  # the target of a rename
        _refuse(f"{where}: {error.strerror}" if where else str(error))


def _refuse(line: str) -> NoReturn:
    print(printable(f"reid: {line}"), file=sys.stderr)  # noqa: T201 - this is the command line
    sys.exit(2)
