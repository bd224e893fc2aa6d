"""A drawn archive of any size, with what every real one has: equal names, duplicates, damage, a comic, notes."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from model.synthesis import Identity, draw
from tests.conftest import Collection

__all__ = ["draw_collection"]

_CHARACTERS = ("Akari", "桜 ひな", "Dahlia", "Esther")
_REFERENCES = 3
_SIZE_PX = 48
_FOLDERS = 5
_EVERY_DUPLICATE = 40
_EVERY_DAMAGED = 100


def draw_collection(root: Path, pictures: int) -> Collection:
    """Draw it below a folder; what is there already is used as it is."""
    collection = Collection(root / "archive", root / "references", root / "sorted", root / "store")
    whole = root / f"drawn {pictures}"
    if not whole.exists():
        shutil.rmtree(root, ignore_errors=True)
        _draw_references(collection.references)
        for n in range(pictures):
            _draw_picture(collection.archive, n)
        _add_oddities(collection.archive)
        _set_times(collection.archive)
        whole.touch()
    return collection


def _draw_references(references: Path) -> None:
    for identity, name in enumerate(_CHARACTERS):
        (references / name).mkdir(parents=True)
        for n in range(_REFERENCES):
            picture = draw(Identity.from_seed(identity), n, size_px=_SIZE_PX, variety="gentle")
            picture.save(references / name / f"{n}.png")


def _draw_picture(archive: Path, n: int) -> None:
    """The n-th picture; names come again in every folder, so that the output has to number them."""
    folder = archive / f"折 {n % _FOLDERS}" / str(n // 500)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{n // _FOLDERS:04d}.png"
    if n % _EVERY_DUPLICATE == 7 and n > _FOLDERS:
        first = archive / "折 0" / "0" / "0000.png"
        shutil.copyfile(first, path)
        return
    draw(Identity.from_seed(n % (len(_CHARACTERS) + 2)), 100 + n, size_px=_SIZE_PX, variety="gentle").save(path)
    if n % _EVERY_DAMAGED == 11:
        path.write_bytes(path.read_bytes()[:200])


def _add_oddities(archive: Path) -> None:
    (archive / "notes.txt").write_text("何でもない")
    (archive / "no picture.png").write_text("404")
    with zipfile.ZipFile(archive / "volume.cbz", "w") as comic:
        for page in range(12):
            comic.write(archive / "折 1" / "0" / f"{page:04d}.png", f"pages/{page}.png")


def _set_times(archive: Path) -> None:
    """Times and permissions of their own, for undo to bring back."""
    for n, path in enumerate(sorted(archive.rglob("*"), reverse=True)):
        if path.is_file():
            path.chmod((0o644, 0o600, 0o444)[n % 3])
        os.utime(path, ns=(10**18 + n, 10**18 + 1_000_003 * n))
