"""The options that several commands share: type, help and environment variable of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import store.match
import store.mode
from model.hub.named_weights import named_weights

__all__ = [
    "Archive",
    "Band",
    "Exclude",
    "Heads",
    "IgnoreHandMoves",
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
    "Strangers",
    "Threshold",
    "Weights",
]


Archive = Annotated[
    str, typer.Argument(metavar="ARCHIVE", help="Folder of illustrations, or s3://bucket/prefix; searched recursively.")
]
References = Annotated[
    str,
    typer.Option(
        "--references",
        "-r",
        metavar="PATH",
        envvar="OSHIWAKE_REFERENCES",
        help='Folder with one folder of pictures per character, or a JSON file {"name": "folder or list of files"}.',
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        envvar="OSHIWAKE_OUTPUT",
        help="Where to create a folder per character: a folder, or s3://bucket/prefix with --mode copy.",
    ),
]
StorePath = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="OSHIWAKE_STORE",
        metavar="PATH",
        help="Run directory: a folder or s3://bucket/prefix; default: in the user's data folder.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE|NAME",
        parser=named_weights,
        envvar="OSHIWAKE_WEIGHTS",
        help="Weights file, or a network fetched by `reid weights fetch`; default: the shipped one.",
    ),
]
Heads = Annotated[
    Path | None,
    typer.Option(
        "--heads",
        metavar="FILE|NAME",
        parser=named_weights,
        envvar="OSHIWAKE_HEADS",
        help="Weights of a head detector, or `heads` once it is fetched; default: the shipped one.",
    ),
]
Mode = Annotated[store.mode.Mode, typer.Option("--mode", help="How to place pictures. Only move changes the archive.")]


def _distance_or_auto(text: str) -> float | str:
    try:
        return "auto" if text == "auto" else float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a distance (0..2) nor auto") from None


def _share(text: str) -> float:
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no share, such as 10% or 0.1") from None


Strangers = Annotated[
    Any,  # a float
    typer.Option(
        "--strangers",
        metavar="SHARE",
        parser=_share,
        help="Of pictures of characters without references, at most about this share gets a name. Default 10%.",
    ),
]
Threshold = Annotated[
    Any,  # a float, or "auto"
    typer.Option(
        "--threshold",
        "-t",
        metavar="DISTANCE|auto",
        parser=_distance_or_auto,
        help="Largest accepted distance (0..2) instead of --strangers; auto: the one that follows from --strangers.",
    ),
]
Match = Annotated[
    store.match.Match | None,
    typer.Option(
        "--match",
        help="Distance to a character: to the centroid of its references (the default), to the nearest (max), or the"
        " mean of all or of the nearest three (top3).",
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        "--margin",
        metavar="DISTANCE",
        help="Picture goes to _review unless the second character is farther by this. Default 0.02.",
    ),
]
Band = Annotated[
    float | None,
    typer.Option(
        "--band", metavar="DISTANCE", help="Pictures beyond the threshold by at most this go to _review too. Default 0."
    ),
]
Multiple = Annotated[
    bool | None,
    typer.Option(
        "--multiple/--single",
        help="Place a picture under every character that one of its heads shows, or under the surest (default).",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Skip files and folders of the archive, as in .gitignore: '*.psd', 'raw/', '2019/**/draft*'. May be"
        " repeated.",
    ),
]
IncludeHidden = Annotated[
    bool, typer.Option("--include-hidden", help="Include hidden files and folders, except the system's own.")
]
IgnoreHandMoves = Annotated[
    bool,
    typer.Option(
        "--ignore-hand-moves",
        help="Decide nothing by what was moved, deleted or renamed by hand in the output; a later run still does.",
    ),
]
RunId = Annotated[
    str | None, typer.Argument(metavar="RUN", help="Run id such as 20261123-0412-k7m2p; default: the newest run.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        metavar="N",
        min=0,
        envvar="OSHIWAKE_PROCESSES",
        help="Embedding processes per GPU, or in total without a GPU; 0: one per GPU or core.",
    ),
]
