"""The demo: a small drawn archive of invented characters, with the oddities of a real archive.

Drawing is deterministic: the pictures are the same on every machine. Existing pictures are kept.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.tree import Tree

from model.counted_nouns import counted
from model.synthesis import Identity, draw
from producer.hints import pasteable
from producer.printing import print_summary
from producer.request import RuleOptions, SortRequest
from producer.status import RunStatus
from store.files import new_file
from store.mode import Mode
from tasks.devices import cores

__all__ = ["Demo", "draw_demo", "print_demo"]

_NAMES = ("Akari", "Beatrice", "Chiyo", "Dahlia", "桜木 ひな", "Fuyu", "Ginevra", "星野 ルカ", "Ines", "Juno")
_PICTURES = 20
_REFERENCES = 3
_STRANGERS = 24
_FORMATS = ("png", "jpg", "webp", "jpg", "gif", "png", "bmp", "jpg", "tiff", "avif")
_SHAPES = (1.0, 0.7, 0.75, 1.4, 0.66)
_FOLDERS = ("2024", "2025/spring", "お気に入り", "inbox")
_SIZE_PX = 320
_FIRST_STRANGER = 900
_SHOWN_FILES = 3
_ODD = 8
"""Files that are no single drawn picture, the pages of the comic one by one."""

_DRAWN = (
    f"an archive of {len(_NAMES) * _PICTURES + _STRANGERS + _ODD} files (a page in a comic counts as one),"
    f" and {len(_NAMES) * _REFERENCES} reference pictures of {len(_NAMES)} characters"
)


@dataclass(frozen=True)
class Demo:
    """The drawn demo.

    Attributes:
        archive: Folder to sort.
        references: A folder per character.
        output: The sorted pictures.
    """

    archive: Path
    references: Path
    output: Path

    def request(self) -> SortRequest:
        """The request to sort the demo."""
        return SortRequest.check(
            self.archive, self.references, self.output, weights=None, mode=Mode.HARDLINK, rule=RuleOptions()
        )


@dataclass(frozen=True)
class _Sheet:
    """One picture to draw, and its path."""

    identity: int
    picture: int
    path: Path
    aspect: float


def draw_demo(folder: Path, console: Console) -> Demo:
    """Draw the missing pictures of the demo's archive below a folder."""
    demo = Demo(folder / "archive", folder / "references", folder / "sorted")
    console.print(_DRAWN, highlight=False)
    sheets = [sheet for sheet in _sheets(demo) if not sheet.path.exists()]
    if sheets:
        for parent in {sheet.path.parent for sheet in sheets}:
            parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
            drawing = pool.map(_draw, sheets, chunksize=8)
            for _ in track(drawing, "drawing", len(sheets), console=console, transient=True):
                pass
    _draw_oddities(demo.archive)
    return demo


def _sheets(demo: Demo) -> Iterator[_Sheet]:
    """Every picture of the demo: references, pictures of known characters, strangers."""
    for identity, name in enumerate(_NAMES):
        for n in range(_REFERENCES):
            yield _Sheet(identity, n, demo.references / name / f"{n + 1}.png", 1.0)
        for n in range(_PICTURES):
            serial = identity * _PICTURES + n
            path = demo.archive / _FOLDERS[serial % len(_FOLDERS)] / f"{serial:04d}.{_FORMATS[serial % len(_FORMATS)]}"
            yield _Sheet(identity, 100 + n, path, _SHAPES[serial % len(_SHAPES)])
    for n in range(_STRANGERS):
        path = demo.archive / _FOLDERS[n % len(_FOLDERS)] / f"stranger-{n:02d}.{_FORMATS[n % len(_FORMATS)]}"
        yield _Sheet(_FIRST_STRANGER + n, 100, path, _SHAPES[n % len(_SHAPES)])


def _draw(sheet: _Sheet) -> None:
    identity = Identity.from_seed(sheet.identity)
    picture = draw(identity, sheet.picture, size_px=_SIZE_PX, aspect=sheet.aspect, variety="gentle")
    _save(picture, sheet.path)


def _save(picture: Image.Image, path: Path) -> None:
    format_ = {"jpg": "jpeg"}.get(path.suffix[1:], path.suffix[1:])
    buffer = io.BytesIO()
    picture.save(buffer, format_)
    _write(path, buffer.getvalue())


def _write(path: Path, data: bytes) -> None:
    with new_file(path) as temporary:
        temporary.write_bytes(data)


def _draw_oddities(archive: Path) -> None:
    """The oddities of a real archive: a duplicate, broken files, a note, a comic in one file, a rotated picture."""
    whole = (archive / "2024" / "0000.png").read_bytes()
    oddities = {
        "inbox/copy of 0000.png": whole,
        "inbox/download broke off.png": whole[: len(whole) // 2],
        "inbox/saved error page.png": b"<html><title>404 Not Found</title></html>\n",
        "inbox/notes.txt": "何でもない\n".encode(),
        "comics/volume 1.cbz": _comic(),
        "inbox/on its side.jpg": _turned(),
    }
    for name, data in oddities.items():
        path = archive / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)


def _comic() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as comic:
        for page in range(3):
            drawn = io.BytesIO()
            draw(Identity.from_seed(0), 200 + page, size_px=_SIZE_PX, aspect=0.7, variety="gentle").save(drawn, "jpeg")
            # A fixed date keeps the file the same on every machine.
            comic.writestr(zipfile.ZipInfo(f"page {page + 1}.jpg", (2025, 1, 1, 0, 0, 0)), drawn.getvalue())
    return buffer.getvalue()


def _turned() -> bytes:
    """A JPEG whose EXIF orientation is rotated."""
    picture = draw(Identity.from_seed(1), 200, size_px=_SIZE_PX, variety="gentle")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotate by 90 degrees clockwise to view
    buffer = io.BytesIO()
    picture.transpose(Image.Transpose.ROTATE_90).save(buffer, "jpeg", exif=exif)
    return buffer.getvalue()


def print_demo(demo: Demo, status: RunStatus, console: Console) -> None:
    """Print the sorted tree, the counts, and where to look."""
    tree = Tree(f"[bold]{escape(str(demo.output))}[/bold]")
    for folder in sorted(path for path in demo.output.iterdir() if not path.name.startswith(".")):
        if folder.is_dir():
            files = sorted(path.name for path in folder.iterdir())
            branch = tree.add(f"[bold]{escape(folder.name)}[/bold]  {counted(len(files), 'picture')}")
            for name in files[:_SHOWN_FILES]:
                branch.add(escape(name))
            if len(files) > _SHOWN_FILES:
                branch.add(f"… {len(files) - _SHOWN_FILES} more")
        else:
            tree.add(escape(folder.name))
    console.print(tree)
    print_summary(status, console)
    right, named, shown = _score(demo)
    console.print(f"{right} of {named} named pictures got the right name; {shown} pictures show a known character")
    console.print(f"see the result: {escape(str(demo.output.absolute()))}", soft_wrap=True)
    console.print(escape(pasteable(f"undo it: `producer undo {status.run}`")), soft_wrap=True, highlight=False)


def _score(demo: Demo) -> tuple[int, int, int]:
    """Numbers of right names, of given names, and of pictures that show a known character."""
    truth = {sheet.path.name: _NAMES[sheet.identity] for sheet in _sheets(demo) if sheet.identity < len(_NAMES)}
    truth |= {f"page {page}.jpg": _NAMES[0] for page in (1, 2, 3)} | {"on its side.jpg": _NAMES[1]}
    placed = [(name, path.name) for name in _NAMES for path in (demo.output / name).glob("*")]
    shown = sum(sheet.identity < len(_NAMES) and sheet.path.is_relative_to(demo.archive) for sheet in _sheets(demo)) + 4
    return sum(truth.get(file) == name for name, file in placed), len(placed), shown
