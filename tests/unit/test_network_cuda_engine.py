"""The network and the JPEGs on a real GPU, against the plain way on the processor; without one all of it is skipped."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from model.images.nvjpeg import NvJpegDecoder, nvjpeg_if_faster
from model.images.preprocessing import Preprocessing
from model.network.cuda_engine import CudaEngine
from model.network.embedder import Embedder
from model.network.engine import Precision
from model.network.torch_engine import TorchEngine
from model.network.weights_file import DEFAULT_WEIGHTS, load_network
from model.synthesis import Identity, draw
from store.listing import Kind, Listed
from tests.unit.jpeg_files import encode
from tests.unit.network_files import pictures, save_weights
from workers.embedding import WorkOptions
from workers.pipeline import Pipeline
from workers.sources import Sources

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU that it can use here")

MIN_COSINE: dict[Precision, float] = {"fp32": 0.99999, "bf16": 0.9995, "auto": 0.9995}


@pytest.fixture(
    scope="module", params=[(0, 64), (128, 96), (40, 61), (0, 224)], ids=lambda found: f"{found[0]}-{found[1]}"
)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each architecture, with numbers such as training leaves them."""
    return save_weights(tmp_path_factory.mktemp("weights") / "w.safetensors", *request.param)


def plain(path: Path, shown: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Their embeddings by torch in float32 on the processor."""
    network, info = load_network(path)
    return Embedder(TorchEngine(network), info).embed(shown)


def least_cosine(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Of all rows."""
    assert found.shape == wanted.shape and found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-3)
    return float(np.einsum("nd,nd->n", found, wanted).min())


@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_embeddings_are_those_of_the_processor(weights: Path, precision: Precision) -> None:
    """Every architecture in every precision; whole batches and the last one, which is smaller; black and white too."""
    embedder = Embedder.load(weights, device="cuda", precision=precision, batch=8)
    shown = pictures(embedder.info.preprocessing.size_px, 19)
    shown = np.concatenate([shown, np.zeros_like(shown[:1]), np.full_like(shown[:1], 255)])
    assert isinstance(embedder.engine, CudaEngine) and embedder.batch == 8
    assert least_cosine(embedder.embed(shown), plain(weights, shown)) >= MIN_COSINE[precision]


def test_shipped_weights_in_the_batch_that_is_chosen() -> None:
    """It is one of those that are tried, and a picture alone gets the same vector as in a batch."""
    embedder = Embedder.load(DEFAULT_WEIGHTS, device="cuda")
    assert embedder.batch in (32, 64, 128, 256)
    shown = pictures(96, 40)
    wanted = plain(DEFAULT_WEIGHTS, shown)
    assert least_cosine(embedder.embed(shown), wanted) >= MIN_COSINE["auto"]
    assert least_cosine(np.concatenate([embedder.embed(shown[n : n + 1]) for n in range(5)]), wanted[:5]) >= 0.9995


@pytest.fixture(scope="module")
def shipped() -> CudaEngine:
    """The shipped weights in batches of four."""
    network, info = load_network(DEFAULT_WEIGHTS)
    return CudaEngine(network, info.preprocessing.size_px, batch=4)


def test_batches_under_way_do_not_mix(shipped: CudaEngine) -> None:
    """Two at once, many times: each has its own rows, though the pictures are overwritten as soon as it has begun."""
    shown = pictures(96, 80)
    wanted = plain(DEFAULT_WEIGHTS, shown)
    buffer = np.empty_like(shown[:4])
    found, under_way = [], None
    for i in range(0, 80, 4):
        buffer[:] = shown[i : i + 4]
        following = shipped.start(buffer)
        buffer[:] = 0
        if under_way is not None:
            found.append(under_way())
        under_way = following
    assert under_way is not None
    found.append(under_way())
    assert least_cosine(np.concatenate(found), wanted) >= MIN_COSINE["auto"]


def test_more_than_two_may_be_begun(shipped: CudaEngine) -> None:
    """What is overwritten has been read before; answers may be asked for late, twice, and in any order."""
    shown = pictures(96, 22)
    wanted = plain(DEFAULT_WEIGHTS, shown)
    started = [shipped.start(shown[i : i + 4]) for i in range(0, 22, 4)]
    backwards = [finish() for finish in reversed(started)][::-1]
    assert least_cosine(np.concatenate(backwards), wanted) >= MIN_COSINE["auto"]
    assert all((finish() == vectors).all() for finish, vectors in zip(started, backwards, strict=True))
    assert [len(vectors) for vectors in backwards] == [4, 4, 4, 4, 4, 2]


def test_too_many_pictures_are_refused(shipped: CudaEngine) -> None:
    """And the engine goes on."""
    shown = pictures(96, 5)
    with pytest.raises(ValueError, match="broadcast"):
        shipped.start(shown)
    assert least_cosine(shipped(shown[:4]), plain(DEFAULT_WEIGHTS, shown[:4])) >= MIN_COSINE["auto"]


def test_a_batch_that_does_not_fit_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory at a size: the one before it stays, and works."""
    monkeypatch.setattr("model.network.cuda_engine.BATCHES", (4, 4096))
    network, info = load_network(DEFAULT_WEIGHTS)
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(
        (torch.cuda.memory_reserved() + (2 << 30)) / total
    )  # it takes twice that
    try:
        engine = CudaEngine(network, info.preprocessing.size_px)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    shown = pictures(96, 4)
    assert engine.batch == 4
    assert least_cosine(engine(shown), plain(DEFAULT_WEIGHTS, shown)) >= MIN_COSINE["auto"]


def test_what_is_not_needed_is_given_back() -> None:
    """Another run's network takes the place of this one: nothing of the old one stays on the GPU."""
    network, info = load_network(DEFAULT_WEIGHTS)
    CudaEngine(network, info.preprocessing.size_px, batch=16)  # libraries take what they keep
    gc.collect()
    before = torch.cuda.memory_allocated()
    engine = CudaEngine(network, info.preprocessing.size_px, batch=16)
    engine(pictures(96, 4))
    assert torch.cuda.memory_allocated() > before + (20 << 20)
    del engine
    assert torch.cuda.memory_allocated() < before + (20 << 20)


@pytest.fixture
def jpegs() -> Iterator[NvJpegDecoder]:
    """nvJPEG."""
    found = NvJpegDecoder()
    yield found
    found.close()


def files() -> dict[str, bytes]:
    """JPEGs of many sizes, shapes, orientations and subsamplings, in colour and grey, by a name."""
    found = {}
    exif = Image.Exif()
    for n in range(24):
        drawn = np.asarray(draw(Identity.from_seed(n), n, size_px=640, aspect=(0.5, 1.0, 1.7)[n % 3])).astype(np.int16)
        grain = np.random.default_rng(n).normal(0, 5, (*drawn.shape[:2], 1)).astype(np.int16)
        image = Image.fromarray((drawn + grain).clip(0, 255).astype(np.uint8))
        size = (image.width * (n + 8) // 10 | (n & 1), image.height * (n + 8) // 10 | (n >> 1 & 1))
        image = image.resize(size, Image.Resampling.BICUBIC)
        exif[0x0112] = n % 8 + 1
        subsampling = ("4:2:0", "4:2:2", "4:4:4")[n // 8]
        options = {"quality": 70 + n, "exif": exif.tobytes()}
        found[f"{size} {subsampling} turned {n % 8 + 1}"] = encode(image, subsampling=subsampling, **options)
        if n % 6 == 0:
            found[f"{size} grey"] = encode(image.convert("L"), **options)
    return found


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_embeddings_of_jpegs_are_near(jpegs: NvJpegDecoder, fit: str) -> None:
    """Cosine to the plain way at least 0.997 in the mean and 0.98 at the lowest; all were decoded by the GPU."""
    named = files()
    way = Preprocessing(fit, 96)  # type: ignore[arg-type]
    with ThreadPoolExecutor(8) as pool:
        squares = list(pool.map(lambda data: way.read(data, jpegs=jpegs), named.values()))
    assert jpegs.decoded == sum(way.shrink(size_of(data)) > 1 for data in named.values()) > 20
    wanted = [Preprocessing(fit, 96, major_version=1).read(data) for data in named.values()]  # type: ignore[arg-type]
    embedder = Embedder.load(DEFAULT_WEIGHTS)
    cosines = np.einsum("nd,nd->n", embedder.embed(np.stack(squares)), embedder.embed(np.stack(wanted)))
    worst = sorted(zip(cosines, named, strict=True))[:3]
    assert cosines.mean() >= 0.997 and cosines.min() >= 0.98, worst


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in the file."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def test_a_broken_jpeg_leaves_the_others_alone(jpegs: NvJpegDecoder) -> None:
    """Whatever the GPU says of wrong bytes, each file ends as without a GPU: read, or refused for the same reason."""
    way = Preprocessing("pad", 96)
    whole = list(files().values())[:16]
    random = np.random.default_rng(5)
    contents = []
    for n, data in enumerate(whole):
        damaged = bytearray(data)
        if n % 2:
            for at in random.integers(200, len(data) - 2, 20):
                damaged[at] = int(random.integers(0, 256))
        contents.append(bytes(damaged))

    def outcome(data: bytes, decoder: NvJpegDecoder | None) -> str | NDArray[np.uint8]:
        try:
            return way.read(data, jpegs=decoder)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    for _ in range(3):
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda data: outcome(data, jpegs), contents))
        for n, (data, square) in enumerate(zip(contents, found, strict=True)):
            wanted = outcome(data, None)
            assert type(square) is type(wanted)
            if isinstance(wanted, str):
                assert square == wanted
            elif n % 2 == 0:
                assert np.abs(np.asarray(square).astype(int) - wanted).mean() <= 3


def test_the_comparison_with_the_host_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Either may be quicker; on both ways the samples are the same pictures, which the comparison itself looks at."""
    with caplog.at_level("INFO"):
        found = nvjpeg_if_faster(Preprocessing("pad", 96), 2)
    assert ("use=device" if found else "use=host") in caplog.text and "error=" not in caplog.text
    assert "decoded=128 of=128" in caplog.text
    if found:
        found.close()


def test_the_pipeline_from_files_to_vectors(tmp_path: Path, jpegs: NvJpegDecoder) -> None:
    """JPEGs by the GPU, others by the host, a broken one in between: the processor's vectors, each in its place."""
    contents = list(files().values())
    for n, data in enumerate(contents):
        (tmp_path / f"{n:02}.jpg").write_bytes(data)
    (tmp_path / "05.jpg").write_bytes(contents[5][:2000])
    with Image.open(io.BytesIO(contents[7])) as image:
        image.save(tmp_path / "07.jpg", "PNG")
    listed = [(n, Listed(b"%02d.jpg" % n, 1, 1)) for n in range(len(contents))]
    rows = {}
    for device in ("cpu", "cuda"):
        embedder = Embedder.load(
            DEFAULT_WEIGHTS, device=device, batch=8, precision="auto" if device == "cuda" else "fp32"
        )
        pipeline = Pipeline(embedder, 16, jpegs=jpegs if device == "cuda" else None)
        sources = Sources(bytes(tmp_path))
        rows[device], _ = pipeline.run(sources, listed)
    assert jpegs.decoded >= 15
    for here, there in zip(rows["cpu"], rows["cuda"], strict=True):
        assert (here.row, here.kind, here.digest, here.reason) == (there.row, there.kind, there.digest, there.reason)
        if here.kind == Kind.EMBEDDED:
            assert here.embedding is not None and there.embedding is not None
            assert float(here.embedding @ there.embedding) >= 0.98
    assert sum(read.kind == Kind.EMBEDDED for read in rows["cuda"]) == len(contents) - 1


def test_memory_is_told() -> None:
    """What Prometheus shows."""
    from workers.embedding import Embedders

    used, total = Embedders(WorkOptions(device="cuda")).gpu_memory() or (0, 0)
    assert 0 < used <= total
