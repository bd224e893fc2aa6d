"""An archive, an output folder and a store: where placing and undoing are tried."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from store.file_operation import Image
from store.journal import Journal
from store.mode import Mode
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.store import Store
from tests.unit.trees import put, sha
from workers.output import recover
from workers.placing import Placer, Tally, Wanted

MODES: list[Mode] = [Mode.HARDLINK, Mode.SYMLINK, Mode.COPY, Mode.MOVE]

FOUR = {"b.png": ["X"], "book.cbz!/pages/1.png": ["X"], "one/a.png": ["X"], "two/a.png": ["X"]}
"""The pictures of `site_of_four`, and a folder for them."""

FOUR_PLACED = {
    "X/1.png": b"book.cbz!/pages/1.png",
    "X/a (2).png": b"two/a.png",
    "X/a.png": b"one/a.png",
    "X/b.png": b"b.png",
}
"""What stands in the output when they are placed there."""


@dataclass
class Site:
    """Names of pictures are paths below the archive, of members `book.cbz!/page`; places are paths below the output."""

    root: Path
    outside: Path | None = None
    digests: dict[str, bytes] = field(default_factory=dict)

    @property
    def archive(self) -> Path:
        """The archive's root."""
        return self.root / "archive"

    @property
    def output(self) -> Path:
        """The output folder; may lie on another file system."""
        return (self.outside or self.root) / "out"

    def add(self, name: str, content: bytes | None = None) -> Path:
        """Put a picture into the archive, with its name for content unless told otherwise."""
        book, _, member = name.partition("!/")
        content = name.encode() if content is None else content
        self.digests[name] = sha(content)
        if not member:
            return put(self.archive / name, content)
        self.archive.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(self.archive / book, "a") as archive:
            archive.writestr(zipfile.ZipInfo(member, (2001, 2, 3, 4, 5, 6)), content)
        return self.archive / book

    def run(self) -> Run:
        """A new run over this archive and output."""
        spec = RunSpec(str(self.archive), str(self.output), 1_700_000_000.0, "digest", "v1-pad-32", 16, "private")
        run = Store(self.root / "store").create_run(spec)
        run.pass_(1).begin(PassSpec(references="/references", characters=["A"], threshold=0.3, mode=Mode.HARDLINK))
        return run

    def wanted(self, name: str, folders: Sequence[str], *, keep: bool = False) -> Wanted:
        """An image and where it belongs."""
        book, _, member = name.partition("!/")
        return Wanted(Image(bytes(self.archive / book), member.encode()), tuple(folders), self.digests[name], keep)

    def place(
        self, run: Run, mode: Mode, wants: Mapping[str, Sequence[str]], *, batch: int = 100
    ) -> tuple[dict[str, list[str]], Tally]:
        """Place pictures as a reducer does; return where each stands, and the tally."""
        with Journal(self.output) as journal:
            recover(journal)
            return self.place_with(journal, run, mode, wants, batch=batch)

    def place_with(
        self, journal: Journal, run: Run, mode: Mode, wants: Mapping[str, Sequence[str]], *, batch: int = 100
    ) -> tuple[dict[str, list[str]], Tally]:
        """The same, with an open journal."""
        placer = Placer(journal, self.output, run.id, mode)
        wanted = [self.wanted(name, folders) for name, folders in wants.items()]
        stands: list[list[bytes]] = []
        for start in range(0, len(wanted), batch):
            stands += placer.place(wanted[start : start + batch])
        placer.remove_emptied(1)
        places = [sorted(os.path.relpath(os.fsdecode(path), str(self.output)) for path in paths) for paths in stands]
        return dict(zip(wants, places, strict=True)), placer.tally

    def placed(self) -> dict[str, bytes]:
        """What stands in the output folder, without what is our own."""
        return {
            str(path.relative_to(self.output)): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file() and ".oshiwake" not in path.relative_to(self.output).parts
        }


def site_of_four(root: Path) -> Site:
    """Three pictures, two of them with one name, and a page of a comic."""
    site = Site(root)
    for name in ("one/a.png", "two/a.png", "b.png", "book.cbz!/pages/1.png"):
        site.add(name)
    return site
