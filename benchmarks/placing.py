"""Placing: files per second through the journal, for links, copies and moves; and taking them back.

python benchmarks/placing.py [--files 5000] [--folders 1000] [--mode hardlink symlink copy move]
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from made import made_tree
from measure import Report, Row, measured, options

from store.file_operation import Image
from store.journal import Journal
from store.mode import Mode
from workers.placing import Placer, Wanted

PLAIN = "a loop of os.makedirs and os.link, shutil.copy2 or shutil.move: no journal, nothing durable, names overwritten"
LIMIT = "os.link alone, in folders that stand"
TOGETHER = 4096
"""As the reducer does: `workers.reducing`."""


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--folders", type=int, default=1000, help="characters, each a folder")
    parser.add_argument("--mode", nargs="+", default=["hardlink"], choices=["hardlink", "symlink", "copy", "move"])
    parser.add_argument("--folder", type=Path, help="where all is made and taken away again")
    chosen = parser.parse_args()
    report = Report("placing", PLAIN, LIMIT)
    for mode in chosen.mode:
        costs = {}
        for function in (link_alone, plainly, place):
            with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
                made_tree(Path(folder) / "archive", chosen.files, max(1, chosen.files // 1000))
                costs[function] = measured(function, folder, chosen.folders, mode)
        limit, plain, ours = costs.values()
        report.add(Row.of(f"{mode}: the limit, {chosen.files:,} files", chosen.files, limit))
        report.add(Row.of(f"{mode}: the plain way", chosen.files, plain))
        ratios = {"of_plain": plain.wall_s / ours.wall_s, "of_limit": limit.wall_s / ours.wall_s}
        report.add(Row.of(f"{mode}: with the journal", chosen.files, ours, **ratios))
    report.save(chosen.json)


def link_alone(folder: str, folders: int, mode: str) -> None:
    """The limit."""
    targets = _targets(folder, folders)
    for name in {os.path.dirname(target) for _, target in targets}:
        os.makedirs(name)
    for source, target in targets:
        os.link(source, target)


def plainly(folder: str, folders: int, mode: str) -> None:
    """The plain way."""
    ways: dict[str, Callable[[str, str], object]] = {
        "hardlink": os.link,
        "symlink": os.symlink,
        "copy": shutil.copy2,
        "move": shutil.move,
    }
    for source, target in _targets(folder, folders):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        ways[mode](os.fsdecode(source), os.fsdecode(target))


def place(folder: str, folders: int, mode: Mode) -> None:
    """Ours."""
    output = Path(folder) / "sorted"
    digests: dict[int, bytes] = {}
    with Journal(output) as journal:
        placer = Placer(journal, output, "20261123-0412", mode)
        files = _targets(folder, folders)
        for start in range(0, len(files), TOGETHER):
            batch = []
            for source, target in files[start : start + TOGETHER]:
                folder_name = os.fsdecode(os.path.basename(os.path.dirname(target)))
                batch.append(Wanted(Image(source), (folder_name,), _digest(source, digests)))
            placer.place(batch)
        assert sum(placer.tally.done.values()) == len(files), placer.tally


def _digest(path: bytes, known: dict[int, bytes]) -> bytes:
    """sha256 of a file; there are few files and many names."""
    number = os.stat(path).st_ino
    if number not in known:
        with open(path, "rb") as file:
            known[number] = hashlib.sha256(file.read()).digest()
    return known[number]


def _targets(folder: str, folders: int) -> list[tuple[bytes, bytes]]:
    """Every file and where it goes, neighbours to different characters."""
    files = sorted(os.fsencode(path) for path in (Path(folder) / "archive").rglob("*.jpg"))
    output = os.fsencode(folder) + b"/sorted/"
    return [
        (path, output + b"character %05d/" % (number * 7919 % folders) + os.path.basename(path))
        for number, path in enumerate(files)
    ]


if __name__ == "__main__":
    main()
