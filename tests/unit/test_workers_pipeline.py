"""The pipeline: one outcome per file, in order, the same vectors as one picture at a time."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.images.decoding import Limits
from model.images.preprocessing import Preprocessing
from model.network.engine import PendingBatch
from model.network.weights_file import WeightsInfo
from store.listing import Kind, Listed
from store.shard import Read
from tests.unit.picture_files import one_colour
from tests.unit.trees import put, sha
from workers.errors import PictureStuck
from workers.pipeline import Pipeline
from workers.sources import Sources


class MeanColour:
    """Stands in for the network: a picture's vector is its mean colour, and every batch is remembered."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.info = WeightsInfo("0" * 64, "mean-colour", 3, Preprocessing("stretch", 16), 0.3)
        self.batches: list[int] = []

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Gives `(n, 3)` float32."""
        self.batches.append(len(pictures))
        means: NDArray[np.float32] = pictures.mean(axis=(1, 2), dtype=np.float32)
        return lambda: means


class Overflowing(MeanColour):
    """Gives no number for the first picture of each batch, as half precision may."""

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """`(n, 3)` float32."""
        vectors = super().start(pictures)()
        vectors[0, 1] = np.inf
        return lambda: vectors


class TwoSlots(MeanColour):
    """Works by itself as a GPU does, in memory for two batches that is used again and again."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch)
        self.slots = [np.full((batch, 3), -1, np.float32) for _ in range(2)]
        self.under_way = self.most = 0

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """The third batch writes over the first."""
        slot = self.slots[len(self.batches) % 2]
        slot[: len(pictures)] = super().start(pictures)()
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def finish() -> NDArray[np.float32]:
            self.under_way -= 1
            return slot[: len(pictures)].copy()

        return finish


def _pipe(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


BAD: dict[str, tuple[Callable[[Path], object], Kind, str]] = {
    "empty.png": (lambda path: put(path, b""), Kind.UNREADABLE, "empty"),
    "text.png": (lambda path: put(path, b"not found"), Kind.UNREADABLE, "no picture inside"),
    "cut.png": (lambda path: put(path, one_colour((1, 2, 3))[:60]), Kind.UNREADABLE, "damaged png"),
    "notes.txt": (lambda path: put(path, b"notes"), Kind.UNSUPPORTED, "not a picture"),
    "folder.png": (lambda path: path.mkdir(parents=True), Kind.UNREADABLE, "not a regular file"),
    "pipe.png": (_pipe, Kind.UNREADABLE, "not a regular file"),
    "gone.png": (lambda path: None, Kind.UNREADABLE, "gone"),
    "large.png": (lambda path: put(path, one_colour((9, 9, 9), (300, 300))), Kind.UNREADABLE, "limit"),
    "long.png": (lambda path: put(path, bytes(200_000)), Kind.UNREADABLE, "limit"),
}
PASSING = {"folder.png", "pipe.png", "gone.png"}


@pytest.fixture
def files(tmp_path: Path) -> list[Listed]:
    """Good and bad files in turn."""
    root = tmp_path / "archive"
    for n in range(14):
        put(root / f"{n:02d}.png", one_colour((n, 2 * n, 3 * n)))
    for name, (make, _, _) in BAD.items():
        make(root / name)
    names = [f"{n:02d}.png" for n in range(14)]
    for n, name in enumerate(BAD):
        names.insert(2 * n, name)
    return [Listed(os.fsencode(name), 1, 1) for name in names]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch", [1, 4, 14, 100])
def test_one_outcome_per_file_in_order(tmp_path: Path, files: list[Listed], threads: int, batch: int) -> None:
    """Bad files between good ones: each has its own outcome, and each good one its own vector."""
    embedder = MeanColour(batch)
    pipeline = Pipeline(embedder, threads, Limits(max_pixels=80_000))  # type: ignore[arg-type]
    sources = Sources(bytes(tmp_path / "archive"), 100_000)
    reads, timings = pipeline.run(sources, [(3 * n, listed) for n, listed in enumerate(files)])
    assert [read.row for read in reads] == [3 * n for n in range(len(files))]
    for read, listed in zip(reads, files, strict=True):
        name = os.fsdecode(listed.path)
        if name in BAD:
            _, kind, reason = BAD[name]
            assert (read.kind, read.embedding, read.passing) == (kind, None, name in PASSING)
            assert reason in read.reason
        else:
            n = int(name[:2])
            content = (tmp_path / "archive" / name).read_bytes()
            assert read == Read(read.row, Kind.EMBEDDED, sha(content), read.embedding)
            assert read.embedding is not None and read.embedding.tolist() == [n, 2 * n, 3 * n]
    assert sum(embedder.batches) == 14 and max(embedder.batches) <= batch
    assert len(embedder.batches) == -(-14 // batch)
    assert timings.read_s > 0 and timings.decode_s > 0 and timings.infer_s >= 0


@pytest.mark.parametrize("batch", [1, 4, 14, 100])
def test_one_batch_is_under_way_while_the_next_comes_together(tmp_path: Path, files: list[Listed], batch: int) -> None:
    """Two at most at once, every picture with its own vector, also those of the last batch, which is smaller."""
    embedder = TwoSlots(batch)
    sources = Sources(bytes(tmp_path / "archive"), 100_000)
    pipeline = Pipeline(embedder, 2, Limits(max_pixels=80_000))  # type: ignore[arg-type]
    reads, _ = pipeline.run(sources, list(enumerate(files)))
    found = [read.embedding.tolist() for read in reads if read.embedding is not None]
    assert found == [[n, 2 * n, 3 * n] for n in range(14)]
    assert embedder.under_way == 0 and embedder.most == min(2, -(-14 // batch))


def test_an_embedding_that_is_no_number_is_a_failed_picture(tmp_path: Path, files: list[Listed]) -> None:
    """It may come near nobody and near everybody; the other pictures of its batch have theirs."""
    sources = Sources(bytes(tmp_path / "archive"), 100_000)
    pipeline = Pipeline(Overflowing(100), 2, Limits(max_pixels=80_000))  # type: ignore[arg-type]
    reads, _ = pipeline.run(sources, list(enumerate(files)))
    [failed] = [read for read in reads if "not a number" in read.reason]
    assert failed.kind is Kind.UNREADABLE and failed.embedding is None and failed.digest is not None
    assert sum(read.embedding is not None for read in reads) == 13


def _jpegs(folder: Path, count: int) -> list[tuple[int, Listed]]:
    """Grey JPEGs, each larger than twice the square, so that `jpegs` is asked for it."""
    for n in range(count):
        file = io.BytesIO()
        Image.new("RGB", (200, 200), (n, n, n)).save(file, "JPEG")
        put(folder / f"{n}.jpg", file.getvalue())
    return [(n, Listed(f"{n}.jpg".encode(), 1, 1)) for n in range(count)]


@pytest.mark.timeout(30)
def test_a_picture_that_hangs_its_decoder_is_found(tmp_path: Path) -> None:
    """The pipeline waits for it no longer than a picture may take."""
    let_go = threading.Event()
    asked: list[bytes] = []

    def jpegs(data: bytes, target: tuple[int, int]) -> None:
        asked.append(data)
        if len(asked) > 1:
            let_go.wait()

    pipeline = Pipeline(MeanColour(1), picture_limit_s=1, jpegs=jpegs)  # type: ignore[arg-type]
    try:
        sources = Sources(bytes(tmp_path))
        with pytest.raises(PictureStuck, match="within 1 s"):
            pipeline.run(sources, _jpegs(tmp_path, 3))
    finally:
        let_go.set()


def test_a_careful_pipeline_asks_no_gpu(tmp_path: Path) -> None:
    """Where workers have died, JPEGs are read by the way that was tried in a process of its own."""
    [_, *_, nine] = _jpegs(tmp_path, 10)
    asked: list[tuple[int, int]] = []

    def jpegs(data: bytes, target: tuple[int, int]) -> Image.Image | None:
        asked.append(target)
        return Image.new("RGB", target, (1, 2, 3))

    for isolated in (True, False):
        pipeline = Pipeline(MeanColour(4), isolated=isolated, jpegs=jpegs)  # type: ignore[arg-type]
        sources = Sources(bytes(tmp_path))
        reads, _ = pipeline.run(sources, [nine])
        assert reads[0].embedding is not None
        assert reads[0].embedding.tolist() == ([9, 9, 9] if isolated else [1, 2, 3])
    assert asked == [(16, 16)]


def test_a_damaged_picture_still_has_its_digest(tmp_path: Path) -> None:
    """What was read is known by its bytes, whether it is a picture or not."""
    data = one_colour((1, 2, 3))[:60]
    put(tmp_path / "cut.png", data)
    sources = Sources(bytes(tmp_path))
    reads, _ = Pipeline(MeanColour(4)).run(sources, [(0, Listed(b"cut.png", 1, 1))])  # type: ignore[arg-type]
    assert reads[0].digest == hashlib.sha256(data).digest()


def test_what_is_missing_of_a_picture_stands_with_its_embedding(tmp_path: Path) -> None:
    """A file that was cut off is read, and says so."""
    noise = np.random.default_rng(1).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    put(tmp_path / "cut.png", file.getvalue()[: -len(file.getvalue()) // 20])
    put(tmp_path / "whole.png", file.getvalue())
    files = [(n, Listed(name, 1, 1)) for n, name in enumerate((b"cut.png", b"whole.png"))]
    reads, _ = Pipeline(MeanColour(4)).run(Sources(bytes(tmp_path)), files)  # type: ignore[arg-type]
    assert [read.kind for read in reads] == [Kind.EMBEDDED, Kind.EMBEDDED]
    assert reads[0].reason == "cut off: 5 of 100 rows are missing" and reads[1].reason == ""


def test_nothing_to_read() -> None:
    """No files, no outcomes, no call of the network."""
    embedder = MeanColour(4)
    sources = Sources(b"/")
    assert Pipeline(embedder).run(sources, [])[0] == []  # type: ignore[arg-type]
    assert embedder.batches == []
