"""The options that several commands share, each with its help, its environment variable and its type."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import store.match
import store.mode

__all__ = [
    "Archive",
    "Band",
    "Exclude",
    "IncludeHidden",
    "Json",
    "Margin",
    "Match",
    "Mode",
    "Multiple",
    "Output",
    "Processes",
    "References",
    "RunId",
    "StorePath",
    "Threshold",
    "Weights",
]


Archive = Annotated[
    str,
    typer.Argument(
        metavar="ARCHIVE", help="Folder of illustrations, or s3://bucket/prefix; searched through all folders."
    ),
]
References = Annotated[
    str,
    typer.Option(
        "--references",
        "-r",
        metavar="PATH",
        envvar="OSHIWAKE_REFERENCES",
        help='A folder per character with its pictures, or a JSON file {"name": "folder or list of files"}.',
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        envvar="OSHIWAKE_OUTPUT",
        help="Where the folders of characters are made: a folder, or s3://bucket/prefix with --mode copy.",
    ),
]
StorePath = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="OSHIWAKE_STORE",
        metavar="PATH",
        help="Run directory, or s3://bucket/prefix; by default in the user's data folder.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", envvar="OSHIWAKE_WEIGHTS", help="Weights file; by default the one that is shipped."),
]
Mode = Annotated[
    store.mode.Mode, typer.Option("--mode", help="How pictures are placed. Only move changes the archive.")
]


def _distance_or_auto(text: str) -> float | str:
    try:
        return "auto" if text == "auto" else float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a distance (0..2) nor auto") from None


Threshold = Annotated[
    Any,  # a float, or "auto"
    typer.Option(
        "--threshold",
        "-t",
        metavar="DISTANCE|auto",
        parser=_distance_or_auto,
        help="Largest distance (0..2) that still gives a name; auto: as `reid calibrate` found; default: the weights'.",
    ),
]
Match = Annotated[
    store.match.Match | None,
    typer.Option(
        "--match", help="Distance to a character: to its nearest reference (max), the mean, the three nearest."
    ),
]
Margin = Annotated[
    float | None,
    typer.Option("--margin", help="The next character must be farther by this, else it goes to _review. Default 0.02."),
]
Band = Annotated[
    float | None,
    typer.Option("--band", help="Beyond the threshold by no more than this: to _review too. Default 0."),
]
Multiple = Annotated[
    bool | None,
    typer.Option("--multiple/--single", help="File a picture under every character within the threshold."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Pass over files and folders of the archive, as in .gitignore: '*.psd', 'raw/', '2019/**/draft*'. May be"
        " given several times.",
    ),
]
IncludeHidden = Annotated[
    bool,
    typer.Option("--include-hidden", help="Take hidden files and folders too; a system's own stay out."),
]
RunId = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="Run id such as 20261123-0412-k7m2p; the newest run when left out."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        min=0,
        envvar="OSHIWAKE_PROCESSES",
        help="Embedding processes for each GPU, or without one in all; 0: one for each GPU or core.",
    ),
]
