"""`reid sheet`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.counted_nouns import counted
from model.printable import printable

__all__ = ["sheet"]


def sheet(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write (PNG).")],
    first: Annotated[int, typer.Option(min=0, help="Seed of the first character.")] = 0,
    characters: Annotated[int, typer.Option(min=1, help="How many, a row each.")] = 8,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures of each.")] = 8,
    size_px: Annotated[int, typer.Option(min=16, max=1024, help="Side of each picture.")] = 120,
    gentle: Annotated[bool, typer.Option("--gentle", help="As a clean collection would hold them.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="By more hands: pencil, ink, watercolour and so on.")] = False,
) -> None:
    """Draw a contact sheet of characters of the training data."""
    import io

    from model.files import write_bytes
    from model.synthesis import Identity, contact_sheet
    from model.synthesis.scene import Variety

    identities = [Identity.from_seed(first + number) for number in range(characters)]
    buffer = io.BytesIO()
    variety: Variety = "gentle" if gentle else "wide" if wide else "full"
    contact_sheet(identities, pictures, size_px, variety).save(buffer, "PNG", optimize=True)
    write_bytes(output, buffer.getvalue())
    typer.echo(printable(f"{output}: {counted(characters, 'character')}, {counted(pictures, 'picture')} of each"))
