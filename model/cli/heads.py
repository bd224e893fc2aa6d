"""`reid heads`: the detector that finds heads in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.help_style import HELP_STYLE
from model.extras import require_training
from model.printable import printable

__all__ = ["heads"]

heads = typer.Typer(help="Train or import a head detector, or look at what it finds.", **HELP_STYLE)
_RECIPE = Path(__file__).parents[1] / "recipes" / "heads.toml"


@heads.command(epilog="Example: reid heads train --output runs/heads")
def train(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for checkpoints and the finished weights.")],
    config: Annotated[Path, typer.Option(help="TOML file with the configuration.")] = _RECIPE,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of pictures without heads, to stand behind drawn figures.")
    ] = None,
    given: Annotated[list[str] | None, typer.Option("--set", help="Replace a value: key=value (repeatable).")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
) -> None:
    """Train the head detector on drawn figures and write its weights.

    The command goes on from the checkpoint in the output folder where there is one.
    """
    require_training("reid heads train")
    from model.heads.config import HeadsConfig
    from model.heads.train_command import train_heads
    from model.training.config_overrides import override

    more = list(given or [])
    if backgrounds is not None:
        more.append(override("backgrounds", backgrounds.absolute()))
    typer.echo(printable(str(train_heads(HeadsConfig.from_toml(config, more), output, device))))


@heads.command(epilog="Example: reid heads sheet pictures/ --output heads.png")
def sheet(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures, with all its folders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG file to write.")],
    weights: Annotated[Path | None, typer.Option(help="Weights of a detector; by default the shipped ones.")] = None,
    pictures: Annotated[int, typer.Option(min=1, max=400, help="So many, spread over the folder.")] = 60,
) -> None:
    """Draw a contact sheet of pictures with the heads found in them."""
    from model.heads.sheet import head_sheet

    found, seen = head_sheet(folder, output, weights, pictures)
    typer.echo(printable(f"{output}: {found} heads in {seen} pictures"))


@heads.command("import", epilog="Example: reid heads import network.onnx -o heads.weights --score 0.4")
def import_(
    file: Annotated[Path, typer.Argument(help="A detector of the YOLO kind, as ONNX.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, for --heads.")],
    score: Annotated[float, typer.Option(min=0.01, max=0.99, help="What scores less is no head.")] = 0.4,
    overlap: Annotated[float, typer.Option(min=0.01, max=1, help="Boxes with more are of one head.")] = 0.7,
    licence: Annotated[str, typer.Option(help="Of the network, written into the file.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from, written into the file.")] = "",
) -> None:
    """Import a detector of another program.

    Nothing in it is executed. It takes the place of ours by --heads.
    """
    from model.onnx.import_process import import_heads

    told = {"score": score, "overlap": overlap, "licence": licence, "source": source}
    for line in import_heads(file, output, **told):
        typer.echo(printable(line))
