"""`reid dataset`: manifests of labelled pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.cli.failed_files import end_with
from model.cli.help_style import HELP_STYLE
from model.counted_nouns import counted
from model.printable import json_text, printable

if TYPE_CHECKING:
    from model.dataset.manifest import Entry

__all__ = ["dataset"]

dataset = typer.Typer(help="List labelled pictures, count them, split them.", **HELP_STYLE)

Output = Annotated[Path, typer.Option("--output", "-o", help="The manifest to write (Parquet).")]
Several = Annotated[str, typer.Option(help="Pictures under several characters: drop, first or keep.")]
Check = Annotated[bool, typer.Option("--check", help="Decode every picture now, to find damaged ones.")]


@dataset.command(epilog="Example: reid dataset scan sorted/ -o faces.parquet")
def scan(
    folder: Annotated[Path, typer.Argument(help="A folder with one folder per character.")],
    output: Output,
    several: Several = "drop",
    check: Check = False,
) -> None:
    """List the pictures of a folder with one folder per character.

    Files of the same content are one picture; characters with fewer than two pictures are left out.
    """
    from model.dataset.manifest import parse_several, settle, write_manifest
    from model.dataset.scan import scan_folders

    how = parse_several(several)
    found = scan_folders(folder, check=check)
    entries = settle(found.entries, how)
    write_manifest(output, entries)
    _tell(output, entries, found.entries)
    end_with(found.failures)


@dataset.command(epilog="Example: reid dataset tags posts.jsonl --summaries tags.json -o faces.parquet")
def tags(
    file: Annotated[Path, typer.Argument(help='JSON lines, each {"image": path, "tags": [text, …]}.')],
    summaries: Annotated[Path, typer.Option(help="JSON object of tag to its summary in an encyclopedia.")],
    output: Output,
    images: Annotated[Path | None, typer.Option(help="Where relative images lie; by default beside FILE.")] = None,
    rules: Annotated[Path | None, typer.Option(help="Rules (TOML) that tell a character's summary.")] = None,
    several: Several = "drop",
    check: Check = False,
) -> None:
    """List pictures by their tags. Rules on the summary of a tag decide whether it names a character."""
    from model.dataset.manifest import parse_several, settle, write_manifest
    from model.dataset.rules import DEFAULT_RULES, Rules
    from model.dataset.tags import character_tags, read_summaries, scan_tags

    how = parse_several(several)
    characters = character_tags(read_summaries(summaries), Rules.read(rules or DEFAULT_RULES))
    typer.echo(f"{counted(len(characters), 'tag names a character', 'tags name characters')}")
    found = scan_tags(file, characters, images or file.parent, check=check)
    entries = settle(found.entries, how)
    write_manifest(output, entries)
    _tell(output, entries, found.entries)
    end_with(found.failures)


@dataset.command(epilog="Example: reid dataset stats faces.parquet --plot faces.svg")
def stats(
    manifest: Annotated[Path, typer.Argument(help="A manifest.")],
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the histogram here (.png or .svg); needs the extra `training`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the statistics of a manifest.

    With --plot, draw a histogram of pictures per character.
    """
    from rich.table import Table

    from model.charts import check_chart, save_chart
    from model.dataset.manifest import read_manifest
    from model.dataset.stats import histogram, stats_of
    from model.terminal import Terminal

    if plot is not None:
        check_chart(plot)
    found = stats_of(read_manifest(manifest))
    if plot is not None:
        save_chart(histogram(found), plot)
    if as_json:
        typer.echo(json_text(asdict(found)))
        return
    table = Table("figure", "value")
    table.add_row("images", f"{found.pictures:,}")
    table.add_row("characters with two or more", f"{found.characters:,}")
    table.add_row("images per character, mean", f"{found.mean:.1f}")
    table.add_row("characters with exactly two", f"{found.exactly_two:,}")
    table.add_row("the largest", f"{found.largest[0]}: {found.largest[1]:,}" if found.characters else "-")
    Terminal().print(table)


@dataset.command(epilog="Example: reid dataset split faces.parquet --ratio 3:1:1 --seed 1")
def split(
    manifest: Annotated[Path, typer.Argument(help="The manifest; it is rewritten with the split.")],
    ratio: Annotated[str, typer.Option(help="Training : development : test, in characters.")] = "3:1:1",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead.")] = None,
) -> None:
    """Split a manifest by character.

    No character and no picture is in two parts.
    """
    from model.dataset.manifest import SPLITS, read_manifest, write_manifest
    from model.dataset.split import parse_ratio, split_entries

    entries = split_entries(read_manifest(manifest), parse_ratio(ratio), seed)
    write_manifest(output or manifest, entries)
    for name in SPLITS:
        part = [entry for entry in entries if entry.split == name]
        characters = {one for entry in part for one in entry.characters}
        typer.echo(f"{name}: {counted(len(characters), 'character')}, {counted(len(part), 'picture')}")


def _tell(output: Path, kept: Sequence[Entry], found: Sequence[Entry]) -> None:
    characters = {name for entry in kept for name in entry.characters}
    contents = len({entry.digest for entry in found})
    typer.echo(printable(f"{output}: {counted(len(kept), 'picture')} of {counted(len(characters), 'character')}"))
    if len(kept) < len(found):
        copies = counted(len(found) - contents, "copy", "copies")
        typer.echo(f"left out: {copies}; {contents - len(kept)} of several characters, or alone")
