"""`reid train` and `reid adapt`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with
from model.cli.typed_command import typed_command
from model.errors import ConfigurationError
from model.extras import require_training
from model.printable import printable

__all__ = ["adapt", "train"]

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for checkpoints and the finished weights.")]
Given = Annotated[list[str] | None, typer.Option("--set", help="Replace a value: section.key=value (repeatable).")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the output folder's checkpoint, if there is one.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto.")]


@contextlib.contextmanager
def _told_how_to_resume() -> Iterator[None]:
    """End with code 130 and the command that goes on, when a person stops the training in the block."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        typer.echo(printable(f"{str(stopped) or 'stopped'}; go on with: ") + typed_command("--resume"), err=True)
        raise typer.Exit(130) from None


def train(
    output: Output,
    manifest: Annotated[Path | None, typer.Option(help="Train on the pictures of this manifest.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with the configuration.")] = None,
    init: Annotated[
        str | None, typer.Option(help="scratch, imagenet, default, or a weights file or checkpoint.")
    ] = None,
    given: Given = None,
    resume: Resume = False,
    changed: Annotated[bool, typer.Option("--changed", help="Resume although the configuration was changed.")] = False,
    half: Annotated[bool, typer.Option("--half", help="Write the weights in half precision.")] = False,
    device: Device = "auto",
) -> None:
    """Train a network and write its weights.

    Without --config the article's recipe is used. Use `weights.safetensors` from the output folder with
    `producer --weights` and `reid evaluate --weights`. With several GPUs, start it with `torchrun --nproc-per-node N -m
    model.cli train …`.
    """
    require_training("reid train")
    from model.training.config_overrides import override
    from model.training.train_command import Request, run_training

    more = list(given or [])
    if manifest is not None:
        more.append(override("data.manifest", manifest.absolute()))
    if init is not None:
        more.append(override("network.init", init))
    with _told_how_to_resume():
        run_training(Request(config, more, output, resume=resume, changed=changed, device=device, half=half))


def adapt(
    folder: Annotated[Path, typer.Argument(help="Your sorted pictures, checked by you: one folder per character.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The weights: NAME.safetensors, or a folder for weights.safetensors.")
    ],
    init: Annotated[str, typer.Option(help="Weights to begin with: default, or a file.")] = "default",
    train: Annotated[
        bool, typer.Option("--train", help="Train on instead: minutes to hours; --output is a folder.")
    ] = False,
    given: Annotated[
        list[str] | None, typer.Option("--set", help="With --train, replace a value: section.key=value (repeatable).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --train, go on from the output folder's checkpoint.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Fit weights to your own sorted folders, in seconds.

    Directions in which the pictures of one character differ count less afterwards. This is a closed form, fitted to
    4,000 pictures at most; characters with fewer than two pictures are left out. It says what it gains on characters
    that it has not seen. Look through the folders first: a picture in the wrong folder teaches the opposite.

    With --train the network is trained on with a small learning rate, and a fifth of the characters is held out for
    validation.
    """
    if not train:
        if given or resume:
            raise ConfigurationError("--set and --resume belong to --train; without it nothing is trained")
        from model.adaptation.adapt_command import run_closed_form

        try:
            failures = run_closed_form(folder, output, init, device)
        except KeyboardInterrupt:
            again = typed_command()
            typer.echo(
                f"stopped; nothing was written. This takes minutes at most and begins anew with: {again}", err=True
            )
            raise typer.Exit(130) from None
        end_with(failures)
        return
    if output.suffix == ".safetensors":
        raise ConfigurationError(f"{output}: with --train the output is a folder, for checkpoints and weights")
    require_training("reid adapt --train")
    from model.training.adapt_command import run_adaptation

    with _told_how_to_resume():
        failures = run_adaptation(folder, output, init, given or [], resume=resume, device=device)
    end_with(failures)
