"""`reid weights`: show and import weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.help_style import HELP_STYLE
from model.extras import require_extra
from model.hub.named_weights import named_weights
from model.printable import json_text, printable

__all__ = ["weights"]

weights = typer.Typer(help="Show, import and fetch weights.", **HELP_STYLE)


@weights.command(epilog="Example: reid weights show runs/faces/weights.safetensors")
def show(
    file: Annotated[
        Path | None,
        typer.Argument(parser=named_weights, metavar="[FILE|NAME]", help="Weights; by default the shipped ones."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the description of a weights file."""
    from model.network.weights_description import describe
    from model.network.weights_file import DEFAULT_WEIGHTS, read_info

    path = file or DEFAULT_WEIGHTS
    info = read_info(path)
    if not as_json:
        for line in describe(path, info):
            typer.echo(printable(line))
        return
    values: dict[str, object] = {
        "file": str(path),
        "digest": info.digest,
        "architecture": info.architecture,
        "dimension": info.dimension,
        "preprocessing": info.preprocessing.version,
        "threshold": info.threshold,
        "measured": info.measured,
        "recipe": info.recipe,
    }
    if published := info.recipe.get("published"):
        values["published"] = f"threshold {published.get('threshold')} ({published.get('distance')})"
    values |= {name: info.recipe[name] for name in ("licence", "source") if info.recipe.get(name)}
    typer.echo(json_text(values, indent=1))


@weights.command(
    "import", epilog="Example: reid weights import network.onnx -o my.weights --size-px 384 --threshold 0.36"
)
def import_(
    file: Annotated[
        Path,
        typer.Argument(help="An ONNX network, the seed implementation's checkpoint, or torchvision's ResNet18."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The weights file to write.")],
    threshold: Annotated[
        float | None, typer.Option(min=0, max=2, help="The published one, in --distance; by default 0.5.")
    ] = None,
    size_px: Annotated[
        int | None,
        typer.Option(min=16, max=2048, help="Side of the square that the network takes; by default its own, or 224."),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Of a checkpoint: write half precision.")] = False,
    fit: Annotated[str | None, typer.Option(help="ONNX: stretch (default) to the square, or pad with white.")] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="ONNX: bilinear (default) or bicubic.")] = None,
    colours: Annotated[str | None, typer.Option(help="ONNX: RGB (default) or BGR.")] = None,
    scale: Annotated[float | None, typer.Option(help="ONNX: values of 0..255 are divided by this, 255.")] = None,
    mean: Annotated[str | None, typer.Option(help="ONNX: taken off then, three numbers with commas.")] = None,
    deviation: Annotated[str | None, typer.Option(help="ONNX: divided by then, three numbers with commas.")] = None,
    layout: Annotated[str | None, typer.Option(help="ONNX: NCHW (default) or NHWC.")] = None,
    output_name: Annotated[str | None, typer.Option(help="ONNX: name of the output, where there are several.")] = None,
    normalise: Annotated[
        bool | None, typer.Option("--normalise/--no-normalise", help="ONNX: whether vectors get unit length here.")
    ] = None,
    distance: Annotated[
        str | None, typer.Option(help="ONNX: cosine (default), half-cosine or euclidean, for --threshold.")
    ] = None,
    metric: Annotated[
        Path | None, typer.Option(help="ONNX: the publisher's network of distances, to compare --distance with.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="ONNX: of the network, written into the file.")] = None,
    source: Annotated[str | None, typer.Option(help="ONNX: where it comes from, written into the file.")] = None,
) -> None:
    """Import a network of another program.

    Nothing in it is executed.

    What the ONNX options say may also stand in a file beside the network, network.toml for network.onnx.
    """
    if file.suffix.lower() != ".onnx":
        require_extra("gpu", "reid weights import of a checkpoint", "torch")
        from model.network.import_checkpoint import import_checkpoint

        limit = 0.5 if threshold is None else threshold
        info = import_checkpoint(file, output, threshold=limit, size_px=size_px or 224, half=half)
        typer.echo(printable(f"{output}: {info.architecture}, dimension {info.dimension}, digest {info.digest[:16]}"))
        return
    from model.onnx.declaration import Declaration
    from model.onnx.import_process import import_embedder

    given = {
        "size": size_px,
        "fit": fit,
        "filter": filter_,
        "colours": colours,
        "scale": scale,
        "mean": mean and mean.split(","),
        "deviation": deviation and deviation.split(","),
        "layout": layout,
        "output": output_name,
        "normalise": normalise,
        "distance": distance,
        "threshold": threshold,
        "licence": licence,
        "source": source,
    }
    for line in import_embedder(file, output, Declaration.beside(file, given), metric):
        typer.echo(printable(line))


@weights.command(epilog="Example: reid weights cohort runs/faces/weights.safetensors")
def cohort(
    file: Annotated[
        Path, typer.Argument(parser=named_weights, metavar="FILE|NAME", help="Weights; their digest stays.")
    ],
) -> None:
    """Put the vectors of drawn strangers into a weights file.

    With them few references are enough for a threshold.
    """
    from model.heads.detector import HeadDetector
    from model.heads.picture_views import picture_views
    from model.matching.cohort import add_cohort
    from model.matching.draw_cohort import draw_cohort
    from model.network.embedder import Embedder

    embedder, detector = Embedder.load(file), HeadDetector.load()
    prepare = embedder.info.preprocessing
    found = draw_cohort(
        lambda pictures: picture_views([prepare.thumbnail(one) for one in pictures], prepare, detector, embedder.embed)
    )
    add_cohort(file, found)
    typer.echo(printable(f"{file}: a cohort of {len(found.vectors)} drawn strangers"))


@weights.command("list", epilog="Example: reid weights list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the networks that can be fetched, and those that were."""
    from model.hub.catalogue import catalogue
    from model.hub.fetched import fetched_path, records

    known = records()
    rows = [
        {
            "name": name,
            "about": entry.about,
            "licence": entry.licence,
            "source": entry.source,
            "file": str(fetched_path(entry)) if name in known and fetched_path(entry).exists() else None,
        }
        for name, entry in catalogue().items()
    ]
    if as_json:
        typer.echo(json_text(rows, indent=1))
        return
    for row in rows:
        typer.echo(printable(f"{row['name']:10} {row['licence']:11} {row['about']}"))
        typer.echo(printable(f"{'':10} {row['file'] or 'not fetched'}"))


@weights.command(epilog="Example: reid weights fetch ccip")
def fetch(
    name: Annotated[str, typer.Argument(help="As `reid weights list` names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Agree to the licence without being asked.")] = False,
    accept_change: Annotated[
        bool, typer.Option("--accept-change", help="Take the newest, also where it is not what was fetched before.")
    ] = False,
) -> None:
    """Fetch a published network, and make weights of it.

    It comes from the Hugging Face hub; HF_ENDPOINT names a mirror. The digests of the first time are kept, and another
    file is refused.
    """
    from model.hub.catalogue import published
    from model.hub.fetch import fetch, is_whole
    from model.hub.fetched import fetched_path

    entry = published(name)
    option = "--heads" if entry.limits else "--weights"
    if is_whole(entry) and not accept_change:
        typer.echo(printable(f"{fetched_path(entry)} is there already; use it by {option} {name}"))
        return
    for line in (f"{name}: {entry.about}", f"source: {entry.source}", f"licence: {entry.licence}"):
        typer.echo(printable(line))
    if not yes and not typer.confirm("Its licence is an agreement between its publisher and you. Do you agree?"):
        raise typer.Exit(1)
    for line in fetch(entry, accept_change=accept_change):
        typer.echo(printable(line))
    typer.echo(printable(f"use it by {option} {name}"))
