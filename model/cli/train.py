"""`reid train` and `reid adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.failed_files import end_with

__all__ = ["adapt", "train"]

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for checkpoints and the finished weights.")]
Given = Annotated[list[str] | None, typer.Option("--set", help="Replace a value: section.key=value (repeatable).")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the output folder's checkpoint, if there is one.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto.")]


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
    from model.training.config_overrides import override
    from model.training.train_command import Request, run_training

    more = list(given or [])
    if manifest is not None:
        more.append(override("data.manifest", manifest.absolute()))
    if init is not None:
        more.append(override("network.init", init))
    run_training(Request(config, more, output, resume=resume, changed=changed, device=device, half=half))


def adapt(
    folder: Annotated[Path, typer.Argument(help="Your sorted pictures: one folder per character.")],
    output: Output,
    init: Annotated[str, typer.Option(help="Weights to begin with: default, or a file.")] = "default",
    given: Given = None,
    resume: Resume = False,
    device: Device = "auto",
) -> None:
    """Fine-tune weights on your own sorted folders; 20 characters with 10 pictures are enough to help.

    The folder is listed, split by character (a fifth is held out for validation) and trained on with a small learning
    rate.
    """
    from model.training.adapt_command import run_adaptation

    end_with(run_adaptation(folder, output, init, given or [], resume=resume, device=device))
