"""What the head detector finds, against boxes drawn by hand, and what it costs.

    python benchmarks/heads.py [--weights FILE] [--boxes head_boxes.jsonl] [--data ../shared/data] [--no-cost]

`head_boxes.jsonl` holds the boxes of 150 pictures, which are not part of the project: `set`, `path` in the folder of
the set, `width`, `height`, `heads` as fractions of the picture, and `is_head` (the picture is hardly more than a head).
Recall is the share of those heads whose box is found with an intersection over union of at least 0.5 (or with its
centre in the box); a box is false when it reaches that with no head. A head that is nearly the whole picture counts as
found where no box is given: the whole picture is its view. The cost is processor time of one thread: what looking for
heads adds to reading a small copy, against reading and embedding the same files without it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import hardware
from numpy.typing import NDArray

from model.heads.boxes import overlap
from model.heads.detector import HeadDetector
from model.heads.weights_file import DEFAULT_DETECTOR
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "shared" / "data"
FOLDERS = {"cc0": "cc0-illustrations", "feh": "labelled-dev/feh", "gen": "labelled-dev/gen"}
IOU = 0.5
ROUNDS = 3
TOGETHER = 16  # as many as a worker looks at together


@dataclass(frozen=True)
class Picture:
    """A picture and what a person saw in it."""

    path: Path
    heads: NDArray[np.float32]
    is_head: bool


@dataclass
class Tally:
    """Counts over the pictures of one set."""

    pictures: int = 0
    heads: int = 0
    found: int = 0
    centred: int = 0
    main: int = 0
    with_heads: int = 0
    false: int = 0

    def add(self, picture: Picture, boxes: NDArray[np.float32]) -> None:
        """Count one picture."""
        heads = picture.heads
        if picture.is_head and len(boxes) == 0:
            boxes = np.array([[*heads[0], 1.0]], np.float32)
        iou = overlap(heads, boxes)  # (heads, boxes)
        hit: NDArray[np.bool_] = iou >= IOU
        middle = (boxes[:, :2] + boxes[:, 2:4]) / 2
        below, above = middle[None] >= heads[:, None, :2], middle[None] <= heads[:, None, 2:]
        inside = np.all(below & above, axis=2)
        self.pictures += 1
        self.heads += len(heads)
        self.found += int(hit.any(axis=1).sum())
        self.centred += int(np.any(inside, axis=1).sum())
        self.with_heads += len(heads) > 0
        self.main += bool(len(heads) and len(boxes) and hit[:, 0].any())
        self.false += int((~hit.any(axis=0)).sum())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=DEFAULT_DETECTOR)
    parser.add_argument("--boxes", type=Path, default=HERE / "head_boxes.jsonl")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with the folders of the sets")
    parser.add_argument("--no-cost", action="store_true", help="what is found alone")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"{options.data} is not there")
    detector = HeadDetector.load(options.weights, threads=1)
    sets = read_boxes(options.boxes, options.data)
    print(f"{'set':>5}{'pictures':>10}{'heads':>7}{'recall':>8}{'centre':>8}{'best right':>12}{'false/picture':>15}")
    for name, pictures in sets.items():
        print_row(name, tally(detector, pictures))
    print_row("all", tally(detector, [picture for pictures in sets.values() for picture in pictures]))
    if not options.no_cost:
        print(f"\nprocessor ms a picture, one thread, best of {ROUNDS}, {hardware()}")
        for name, pictures in sets.items():
            print_cost(name, detector, [picture.path.read_bytes() for picture in pictures])


def read_boxes(path: Path, data: Path) -> dict[str, list[Picture]]:
    """The pictures of each set by name; those that are not there are left out and counted."""
    found: dict[str, list[Picture]] = defaultdict(list)
    missing = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        picture = data / FOLDERS[row["set"]] / row["path"]
        missing += not picture.is_file()
        if picture.is_file():
            heads = np.array(row["heads"], np.float32).reshape(-1, 4)
            found[row["set"]].append(Picture(picture, heads, bool(row["is_head"])))
    if missing:
        print(f"{missing} pictures are not there")
    return dict(sorted(found.items()))


def tally(detector: HeadDetector, pictures: Sequence[Picture]) -> Tally:
    """Look at each picture and count."""
    found = Tally()
    for picture in pictures:
        found.add(picture, detector.detect([pixels(picture.path.read_bytes())])[0])
    return found


def print_row(name: str, found: Tally) -> None:
    """One line of the table."""
    heads, with_heads = max(1, found.heads), max(1, found.with_heads)
    print(
        f"{name:>5}{found.pictures:10}{found.heads:7}{found.found / heads:8.2f}{found.centred / heads:8.2f}"
        f"{found.main / with_heads:12.2f}{found.false / found.pictures:15.2f}"
    )


def print_cost(name: str, detector: HeadDetector, files: list[bytes]) -> None:
    """What looking for heads adds to reading and embedding the same files; the crops are embedded besides."""
    embedder = Embedder.load(DEFAULT_WEIGHTS, threads=1)
    way = embedder.info.preprocessing
    squares = np.stack([way.read(data) for data in files])
    small = [way.read_thumbnail(data) for data in files]
    reading = best_ms(lambda: [way.read(data) for data in files], len(files))
    reading_small = best_ms(lambda: [way.read_thumbnail(data) for data in files], len(files))
    embedding = best_ms(lambda: embedder.embed(squares), len(files))
    groups = [small[start : start + TOGETHER] for start in range(0, len(small), TOGETHER)]
    detecting = best_ms(lambda: [detector.detect(group) for group in groups], len(files))
    print(
        f"{name:>5}  reading {reading:.2f}, a small copy {reading_small:.2f}  embedding {embedding:.2f}"
        f"  detecting {detecting:.2f}  share {detecting / (reading + embedding):.2f}",
        flush=True,
    )


def best_ms(work: Callable[[], object], pictures: int) -> float:
    """Processor milliseconds a picture, the best of several rounds."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        found.append(1e3 * (time.process_time() - start) / pictures)
    return min(found)


def pixels(data: bytes) -> NDArray[np.uint8]:
    """A file's picture as a run hands it to the detector."""
    return Preprocessing().read_thumbnail(data)


if __name__ == "__main__":
    main()
