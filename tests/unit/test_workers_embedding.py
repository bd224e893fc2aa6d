"""The pipeline and a whole chunk: one outcome per file, in order, the same vectors as one picture at a time."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.embedder import Embedder
from model.engine import Started
from model.picture import Limits, decode
from model.preprocessing import Preprocessing
from model.weights import WeightsInfo, read_info
from store.errors import DamagedStore, OutsideRoots
from store.listing import Kind, KnownAt, Listed
from store.part import PartSpec
from store.roots import Roots
from store.run import Run, RunSpec
from store.shard import Counts, Read, read_shard
from store.store import Store
from tests.unit.trees import look, put, sha
from workers.embedding import Embedders, WorkOptions, embed_chunk
from workers.errors import RootNotVisible, WrongWeights
from workers.pipeline import Pipeline
from workers.reading import Sources


class MeanColour:
    """Stands in for the network: a picture's vector is its mean colour, and every batch is remembered."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.info = WeightsInfo("0" * 64, "mean-colour", 3, Preprocessing("stretch", 16), 0.3)
        self.batches: list[int] = []

    def start(self, pictures: NDArray[np.uint8]) -> Started:
        """Gives `(n, 3)` float32."""
        self.batches.append(len(pictures))
        means: NDArray[np.float32] = pictures.mean(axis=(1, 2), dtype=np.float32)
        return lambda: means


class Overflowing(MeanColour):
    """Gives no number for the first picture of each batch, as half precision may."""

    def start(self, pictures: NDArray[np.uint8]) -> Started:
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

    def start(self, pictures: NDArray[np.uint8]) -> Started:
        """The third batch writes over the first."""
        slot = self.slots[len(self.batches) % 2]
        slot[: len(pictures)] = super().start(pictures)()
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def finish() -> NDArray[np.float32]:
            self.under_way -= 1
            return slot[: len(pictures)].copy()

        return finish


def png(colour: tuple[int, int, int], size: tuple[int, int] = (20, 30)) -> bytes:
    """A picture of one colour."""
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


def _pipe(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


BAD: dict[str, tuple[Callable[[Path], object], Kind, str]] = {
    "empty.png": (lambda path: put(path, b""), Kind.UNREADABLE, "empty"),
    "text.png": (lambda path: put(path, b"not found"), Kind.UNREADABLE, "no picture inside"),
    "cut.png": (lambda path: put(path, png((1, 2, 3))[:60]), Kind.UNREADABLE, "damaged png"),
    "notes.txt": (lambda path: put(path, b"notes"), Kind.UNSUPPORTED, "not a picture"),
    "folder.png": (lambda path: path.mkdir(parents=True), Kind.UNREADABLE, "not a regular file"),
    "pipe.png": (_pipe, Kind.UNREADABLE, "not a regular file"),
    "gone.png": (lambda path: None, Kind.UNREADABLE, "gone"),
    "large.png": (lambda path: put(path, png((9, 9, 9), (300, 300))), Kind.UNREADABLE, "limit"),
    "long.png": (lambda path: put(path, bytes(200_000)), Kind.UNREADABLE, "limit"),
}
PASSING = {"folder.png", "pipe.png", "gone.png"}


@pytest.fixture
def files(tmp_path: Path) -> list[Listed]:
    """Good and bad files in turn."""
    root = tmp_path / "archive"
    for n in range(14):
        put(root / f"{n:02d}.png", png((n, 2 * n, 3 * n)))
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
    with Sources(bytes(tmp_path / "archive"), 100_000) as sources:
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
    with Sources(bytes(tmp_path / "archive"), 100_000) as sources:
        pipeline = Pipeline(embedder, 2, Limits(max_pixels=80_000))  # type: ignore[arg-type]
        reads, _ = pipeline.run(sources, list(enumerate(files)))
    found = [read.embedding.tolist() for read in reads if read.embedding is not None]
    assert found == [[n, 2 * n, 3 * n] for n in range(14)]
    assert embedder.under_way == 0 and embedder.most == min(2, -(-14 // batch))


def test_an_embedding_that_is_no_number_is_a_failed_picture(tmp_path: Path, files: list[Listed]) -> None:
    """It may come near nobody and near everybody; the other pictures of its batch have theirs."""
    with Sources(bytes(tmp_path / "archive"), 100_000) as sources:
        pipeline = Pipeline(Overflowing(100), 2, Limits(max_pixels=80_000))  # type: ignore[arg-type]
        reads, _ = pipeline.run(sources, list(enumerate(files)))
    [failed] = [read for read in reads if "not a number" in read.reason]
    assert failed.kind is Kind.UNREADABLE and failed.embedding is None and failed.digest is not None
    assert sum(read.embedding is not None for read in reads) == 13


def test_a_careful_pipeline_asks_no_gpu(tmp_path: Path) -> None:
    """Where workers have died, JPEGs are read by the way that was tried in a process of its own."""
    file = io.BytesIO()
    Image.new("RGB", (200, 200), (9, 9, 9)).save(file, "JPEG")
    put(tmp_path / "a.jpg", file.getvalue())
    asked: list[tuple[int, int]] = []

    def jpegs(data: bytes, target: tuple[int, int]) -> Image.Image | None:
        asked.append(target)
        return Image.new("RGB", target, (1, 2, 3))

    for careful in (True, False):
        pipeline = Pipeline(MeanColour(4), careful=careful, jpegs=jpegs)  # type: ignore[arg-type]
        with Sources(bytes(tmp_path)) as sources:
            reads, _ = pipeline.run(sources, [(0, Listed(b"a.jpg", 1, 1))])
        assert reads[0].embedding is not None
        assert reads[0].embedding.tolist() == ([9, 9, 9] if careful else [1, 2, 3])
    assert asked == [(16, 16)]


def test_a_damaged_picture_still_has_its_digest(tmp_path: Path) -> None:
    """What was read is known by its bytes, whether it is a picture or not."""
    data = png((1, 2, 3))[:60]
    put(tmp_path / "cut.png", data)
    with Sources(bytes(tmp_path)) as sources:
        reads, _ = Pipeline(MeanColour(4)).run(sources, [(0, Listed(b"cut.png", 1, 1))])  # type: ignore[arg-type]
    assert reads[0].digest == hashlib.sha256(data).digest()


def test_nothing_to_read() -> None:
    """No files, no outcomes, no call of the network."""
    embedder = MeanColour(4)
    with Sources(b"/") as sources:
        assert Pipeline(embedder).run(sources, [])[0] == []  # type: ignore[arg-type]
    assert embedder.batches == []


@pytest.fixture
def run(tmp_path: Path, small_weights: Path) -> Run:
    """A run with the small weights and an archive of some files, listed in one chunk."""
    archive = tmp_path / "archive"
    put(archive / "a.png", png((200, 10, 10)))
    put(archive / "broken.png", b"broken")
    put(archive / "notes.txt", b"notes")
    with zipfile.ZipFile(archive / "book.cbz", "w") as book:
        book.writestr("1.png", png((10, 200, 10)))
    info = read_info(small_weights)
    store = Store(tmp_path / "store")
    store.keep_weights(small_weights, info.digest)
    spec = RunSpec(str(archive), "/out", 1.0, info.digest, info.preprocessing.version, info.dimension, "private")
    run = store.create_run(spec)
    run.archive.begin(PartSpec(str(archive), info.embedding_key))
    run.archive.add_listing(
        0,
        [
            Listed(b"a.png", 1, 1),
            Listed(b"book.cbz", 1, 1, b"1.png"),
            Listed(b"broken.png", 1, 1),
            Listed(b"known.png", 1, 1, known=KnownAt("old/archive", 0, 0)),
            Listed(b"notes.txt", 1, 1),
            Listed(b"x", 1, 1, kind=Kind.UNREADABLE, reason="a symbolic link that leads nowhere"),
        ],
    )
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The run's store."""
    return Store(tmp_path / "store")


def test_a_chunk_is_embedded(store: Store, run: Run, small_weights: Path) -> None:
    """The shard has a row for each file that had to be read, with the vector that a plain call gives."""
    before = look(Path(run.spec.archive))
    counts, _ = embed_chunk(store, run, "archive", 0, Embedders())
    assert counts == Counts(4, 2, 1, 1) == run.archive.counts()
    shard = read_shard(run.archive.shard_path(0))
    rows, digests = shard.table["row"].to_pylist(), shard.table["digest"].to_pylist()
    assert set(rows) == {0, 1, 2, 4}
    embedder = Embedder.load(small_weights)
    for row, colour in ((0, (200, 10, 10)), (1, (10, 200, 10))):
        plain = embedder.embed(embedder.info.preprocessing(decode(png(colour)))[np.newaxis])[0]
        np.testing.assert_allclose(shard.embeddings[rows.index(row)], plain, atol=1e-5)
        assert digests[rows.index(row)] == sha(png(colour))
    assert list(run.archive.unread_chunks()) == [] and look(Path(run.spec.archive)) == before


def test_a_chunk_is_embedded_once(store: Store, run: Run) -> None:
    """The message that arrives twice reads nothing, not even the weights, and gives the same counts."""
    first, _ = embed_chunk(store, run, "archive", 0, Embedders())
    written = run.archive.shard_path(0).read_bytes()
    shutil.rmtree(run.spec.archive)
    shutil.rmtree(store.root / "weights")
    again, timings = embed_chunk(store, run, "archive", 0, Embedders())
    assert again == first and timings.read_s == 0
    assert run.archive.shard_path(0).read_bytes() == written


def test_who_comes_second_changes_nothing(store: Store, run: Run) -> None:
    """A worker that was overtaken, and whose originals have been moved by now, leaves the first one's shard alone."""

    class Overtaken(Embedders):
        def get(self, store: Store, digest: str) -> Embedder:
            embed_chunk(store, run, "archive", 0, Embedders())
            shutil.rmtree(run.spec.archive)
            return super().get(store, digest)

    counts, _ = embed_chunk(store, run, "archive", 0, Overtaken())
    assert counts == Counts(4, 2, 1, 1) == run.archive.counts()


@pytest.mark.parametrize("mount_point", [False, True])
def test_an_archive_that_is_not_there_is_no_outcome(store: Store, run: Run, mount_point: bool) -> None:
    """A missing mount must not make every picture unreadable, nor must the empty folder on which it would be."""
    shutil.rmtree(run.spec.archive)
    if mount_point:
        Path(run.spec.archive).mkdir()
    with pytest.raises(RootNotVisible, match="mount"):
        embed_chunk(store, run, "archive", 0, Embedders())
    assert run.archive.shard_chunks() == []


def test_a_missing_listing_is_no_outcome(store: Store, run: Run) -> None:
    """The store is damaged: the chunk fails, nothing is written."""
    with pytest.raises(DamagedStore):
        embed_chunk(store, run, "archive", 7, Embedders())
    assert run.archive.shard_chunks() == []


@pytest.mark.parametrize("damage", ["missing", "other", "broken"])
def test_wrong_weights_are_refused(store: Store, run: Run, tmp_path: Path, damage: str) -> None:
    """Another network's vectors never get into a run's shards."""
    path = store.weights_path(run.spec.weights_digest)
    if damage == "missing":
        path.unlink()
    elif damage == "broken":
        path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    else:
        from model.network import Network
        from model.weights import save_network

        save_network(path, Network(16), preprocessing=Preprocessing("pad", 32), threshold=0.3)
    with pytest.raises(WrongWeights):
        embed_chunk(store, run, "archive", 0, Embedders())
    assert run.archive.shard_chunks() == []


def test_the_network_is_loaded_once(store: Store, run: Run) -> None:
    """And kept for the next chunk of a run with the same weights."""
    embedders = Embedders(WorkOptions(batch=7))
    first = embedders.get(store, run.spec.weights_digest)
    store.weights_path(run.spec.weights_digest).unlink()
    assert embedders.get(store, run.spec.weights_digest) is first and first.batch == 7
    with pytest.raises(WrongWeights):
        embedders.get(store, "another")


def test_whether_the_gpu_decodes_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not without a GPU, and not for the plain way, in which Pillow decodes; then with the threads of this process."""
    import model.gpu_jpegs

    asked: list[tuple[Preprocessing, int]] = []
    monkeypatch.setattr(model.gpu_jpegs, "quicker_jpegs", lambda *how: asked.append(how))
    plain, quick = Preprocessing(family=1), Preprocessing(family=2)
    assert Embedders(WorkOptions(device="cpu")).jpegs(quick) is None
    embedders = Embedders(WorkOptions(device="cuda", decode_threads=5))
    for way in (plain, quick, quick, plain):
        assert embedders.jpegs(way) is None
    assert asked == [(quick, 5)]


def test_a_run_outside_this_machines_roots_is_refused(tmp_path: Path, run: Run) -> None:
    """Whoever may write in the store cannot have a worker read what its operator did not name."""
    fenced = Store(tmp_path / "store", Roots({"art": str(tmp_path / "elsewhere")}))
    with pytest.raises(OutsideRoots, match="art="):
        embed_chunk(fenced, run, "archive", 0, Embedders())
    inside = Store(tmp_path / "store", Roots({"art": run.spec.archive}))
    assert embed_chunk(inside, run, "archive", 0, Embedders())[0].embedded == 2


@pytest.mark.parametrize("version", ["v1-pad-32", "v2-stretch-32", "v3-pad-32"])
def test_the_run_says_how_pictures_are_prepared(store: Store, run: Run, version: str) -> None:
    """Not the store's copy of the weights, which an earlier run with another preprocessing may have left there."""
    other = replace(run.spec, preprocessing=version)
    run = store.create_run(other)
    run.archive.begin(PartSpec(other.archive, "key"))
    run.archive.add_listing(0, [Listed(b"a.png", 1, 1)])
    if version.startswith("v3"):
        with pytest.raises(WrongWeights, match="unknown preprocessing version 'v3-pad-32'"):
            embed_chunk(store, run, "archive", 0, Embedders())
        return
    embed_chunk(store, run, "archive", 0, Embedders())
    shard = read_shard(run.archive.shard_path(0))
    embedder = Embedder.load(store.weights_path(other.weights_digest))
    plain = embedder.embed(Preprocessing.from_version(version)(decode(png((200, 10, 10))))[np.newaxis])[0]
    np.testing.assert_allclose(shard.embeddings[0], plain, atol=1e-5)
