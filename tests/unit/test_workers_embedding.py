"""A whole chunk: its listing in, its shard out, once."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.images.decoding import decode
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import read_info
from store.errors import DamagedStore, OutsideRoots
from store.index_update import update_index
from store.listing import CacheHit, Kind, Listed
from store.part import PartSpec
from store.roots import Roots
from store.run import Run, RunSpec
from store.shard import Counts, read_shard
from store.store import Store
from tests.unit.picture_files import one_colour
from tests.unit.trees import look, put, sha
from workers.embedding import Embedders, WorkOptions, embed_chunk
from workers.errors import RootNotVisible, WrongWeights


@pytest.fixture
def run(tmp_path: Path, small_weights: Path) -> Run:
    """A run with the small weights and an archive of some files, listed in one chunk."""
    archive = tmp_path / "archive"
    put(archive / "a.png", one_colour((200, 10, 10)))
    put(archive / "broken.png", b"broken")
    put(archive / "notes.txt", b"notes")
    with zipfile.ZipFile(archive / "book.cbz", "w") as book:
        book.writestr("1.png", one_colour((10, 200, 10)))
    info = read_info(small_weights)
    store = Store(tmp_path / "store")
    store.keep_weights(small_weights, info.digest)
    spec = RunSpec(str(archive), "/out", 1.0, info.digest, info.preprocessing.version, info.dimension, "private")
    run = store.create_run(spec)
    run.archive.begin(PartSpec(str(archive), info.embedding_key))
    run.archive.add_listings(
        0,
        [
            [
                Listed(b"a.png", 1, 1),
                Listed(b"book.cbz", 1, 1, b"1.png"),
                Listed(b"broken.png", 1, 1),
                Listed(b"known.png", 1, 1, known=CacheHit("old/archive", 0, 0)),
                Listed(b"notes.txt", 1, 1),
                Listed(b"x", 1, 1, kind=Kind.UNREADABLE, reason="a symbolic link that leads nowhere"),
            ]
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
        plain = embedder.embed(embedder.info.preprocessing(decode(one_colour(colour)))[np.newaxis])[0]
        np.testing.assert_allclose(shard.embeddings[rows.index(row)], plain, atol=1e-5)
        assert digests[rows.index(row)] == sha(one_colour(colour))
    assert list(run.archive.unread_chunks()) == [] and look(Path(run.spec.archive)) == before


def test_a_chunk_is_embedded_once(store: Store, run: Run) -> None:
    """The message that arrives twice reads nothing, not even the weights, and gives the same counts."""
    first, _ = embed_chunk(store, run, "archive", 0, Embedders())
    written = run.archive.shard_path(0).read_bytes()
    shutil.rmtree(run.spec.archive)
    shutil.rmtree(str(store.root / "weights"))
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


def test_a_shard_of_another_listing_is_made_anew(store: Store, run: Run) -> None:
    """Its rows tell of other files; a message for the chunk has the listed ones read."""
    embed_chunk(store, run, "archive", 0, Embedders())
    listing = run.folder / "archive" / "listing" / "000000.parquet"
    rows = run.archive.listing(0)
    listing.unlink()
    run.archive.add_listings(0, [rows[:1]])
    assert embed_chunk(store, run, "archive", 0, Embedders())[0] == Counts(1, 1, 0, 0)
    assert read_shard(run.archive.shard_path(0)).table["row"].to_pylist() == [0]


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
        from model.network.resnet18 import Network
        from model.network.weights_file import save_network

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
    import model.images.nvjpeg

    asked: list[tuple[Preprocessing, int]] = []
    monkeypatch.setattr(model.images.nvjpeg, "nvjpeg_if_faster", lambda *how: asked.append(how))
    plain, quick = Preprocessing(major_version=1), Preprocessing(major_version=2)
    assert Embedders(WorkOptions(device="cpu")).jpegs(quick) is None
    embedders = Embedders(WorkOptions(device="cuda", decode_threads=5))
    for way in (plain, quick, quick, plain):
        assert embedders.jpegs(way) is None
    assert asked == [(quick, 5)]


def test_a_run_outside_this_machines_roots_is_refused(tmp_path: Path, run: Run) -> None:
    """Whoever may write in the store cannot have a worker read what its operator did not name."""
    confined = Store(tmp_path / "store", Roots({"art": str(tmp_path / "elsewhere")}))
    with pytest.raises(OutsideRoots, match="art="):
        embed_chunk(confined, run, "archive", 0, Embedders())
    inside = Store(tmp_path / "store", Roots({"art": run.spec.archive}))
    assert embed_chunk(inside, run, "archive", 0, Embedders())[0].embedded == 2


@pytest.mark.parametrize("version", ["v1-pad-32", "v2-stretch-32", "v3-pad-32"])
def test_the_run_says_how_pictures_are_prepared(store: Store, run: Run, version: str) -> None:
    """Not the store's copy of the weights, which an earlier run with another preprocessing may have left there."""
    other = replace(run.spec, preprocessing=version)
    run = store.create_run(other)
    run.archive.begin(PartSpec(other.archive, "key"))
    run.archive.add_listings(0, [[Listed(b"a.png", 1, 1)]])
    if version.startswith("v3"):
        with pytest.raises(WrongWeights, match="unknown preprocessing version 'v3-pad-32'"):
            embed_chunk(store, run, "archive", 0, Embedders())
        return
    embed_chunk(store, run, "archive", 0, Embedders())
    shard = read_shard(run.archive.shard_path(0))
    embedder = Embedder.load(store.weights_path(other.weights_digest))
    plain = embedder.embed(Preprocessing.from_version(version)(decode(one_colour((200, 10, 10))))[np.newaxis])[0]
    np.testing.assert_allclose(shard.embeddings[0], plain, atol=1e-5)


def test_renamed_files_are_read_and_not_embedded_again(store: Store, run: Run) -> None:
    """A run over files with the same bytes under other names, and one that is new: their vectors are the same."""
    embed_chunk(store, run, "archive", 0, Embedders())
    update_index(store, run.archive.spec.embedding_key)
    archive = Path(run.spec.archive)
    (archive / "a.png").rename(archive / "z.png")
    later = store.create_run(run.spec)
    later.archive.begin(run.archive.spec)
    later.archive.add_listings(0, [[Listed(b"book.cbz", 1, 1, b"1.png"), Listed(b"z.png", 1, 1)]])
    counts, timings = embed_chunk(store, later, "archive", 0, Embedders())
    assert counts == Counts(2, 2, 0, 0, copied=2) and timings.read_s > 0
    assert timings.decode_s == timings.infer_s == timings.detect_s == 0
    before, after = (read_shard(one.archive.shard_path(0)) for one in (run, later))
    assert np.array_equal(after.embeddings, before.embeddings[[1, 0]])
    assert after.table["digest"].to_pylist() == before.table["digest"].to_pylist()[1::-1]
