"""`reid weights`: show and import weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from model.printable import json_text, printable

__all__ = ["weights"]

weights = typer.Typer(no_args_is_help=True, help="Show weights, import weights made elsewhere.")


@weights.command(epilog="Example: reid weights show runs/faces/weights.safetensors")
def show(
    file: Annotated[Path | None, typer.Argument(help="A weights file; by default the shipped one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the description of a weights file."""
    from model.network.weights_file import DEFAULT_WEIGHTS, read_info

    path = file or DEFAULT_WEIGHTS
    info = read_info(path)
    values = {
        "file": str(path),
        "digest": info.digest,
        "architecture": info.architecture,
        "dimension": info.dimension,
        "preprocessing": info.preprocessing.version,
        "threshold": info.threshold,
        "measured": info.measured,
        "recipe": info.recipe,
    }
    if as_json:
        typer.echo(json_text(values, indent=1))
        return
    for name, value in values.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
        typer.echo(printable(f"{name:14} {text}"))


@weights.command("import", epilog="Example: reid weights import model.pth -o seed.safetensors --threshold 0.4")
def import_(
    file: Annotated[Path, typer.Argument(help="The seed implementation's checkpoint, or torchvision's ResNet18.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The weights file to write.")],
    threshold: Annotated[float, typer.Option(min=0, max=2, help="Cosine distance accepted; calibrate it later.")] = 0.5,
    size_px: Annotated[int, typer.Option(min=16, max=1024, help="Side of the square that the network takes.")] = 224,
    half: Annotated[bool, typer.Option("--half", help="Write half precision.")] = False,
) -> None:
    """Import a checkpoint of another program, without executing its content."""
    from model.network.import_checkpoint import import_checkpoint

    info = import_checkpoint(file, output, threshold=threshold, size_px=size_px, half=half)
    typer.echo(printable(f"{output}: {info.architecture}, dimension {info.dimension}, digest {info.digest[:16]}"))


@weights.command(epilog="Example: reid weights cohort runs/faces/weights.safetensors")
def cohort(file: Annotated[Path, typer.Argument(help="A weights file; its digest stays.")]) -> None:
    """Draw strangers and put their vectors into a weights file, so that few references are enough for a threshold."""
    import numpy as np

    from model.matching.cohort import add_cohort
    from model.matching.draw_cohort import draw_cohort
    from model.network.embedder import Embedder

    embedder = Embedder.load(file)
    prepare = embedder.info.preprocessing
    found = draw_cohort(lambda pictures: embedder.embed(np.stack([prepare(picture) for picture in pictures])))
    add_cohort(file, found)
    typer.echo(printable(f"{file}: a cohort of {len(found.vectors)} drawn strangers"))
