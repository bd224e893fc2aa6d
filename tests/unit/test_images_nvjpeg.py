"""The GPU's way to read JPEGs, run on a processor: the same squares as the plain way, the same refusals, no mixing."""

from __future__ import annotations

import functools
import logging
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torchvision.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import model.images.nvjpeg
from model.errors import PictureError, UnreadablePicture
from model.images.decoding import Limits
from model.images.jpeg import plain_pixels
from model.images.nvjpeg import TOGETHER, NvJpegDecoder, nvjpeg_if_faster
from model.images.preprocessing import Fit, Jpegs, Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from tests.unit.jpeg_files import encode, picture, several_scans, too_long, turned, with_segment

SIDE = 96
PLAIN, QUICK = Preprocessing("pad", SIDE, major_version=1), Preprocessing("pad", SIDE, major_version=2)


@pytest.fixture
def jpegs() -> Iterator[NvJpegDecoder]:
    """The GPU's way on a processor."""
    found = NvJpegDecoder("cpu")
    yield found
    found.close()


def near(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Both scale in one step from the same pixels: only roundings differ."""
    return int(np.abs(one.astype(int) - other).max()) <= 2


@given(
    width=st.integers(10, 900),
    height=st.integers(10, 900),
    orientation=st.integers(1, 8),
    subsampling=st.sampled_from(["4:2:0", "4:2:2", "4:4:4"]),
    grey=st.booleans(),
    fit=st.sampled_from(["pad", "stretch"]),
    side=st.sampled_from([10, 33, 96]),
)
@settings(max_examples=80)
def test_squares_are_those_of_the_plain_way(
    width: int, height: int, orientation: int, subsampling: str, grey: bool, fit: Fit, side: int
) -> None:
    """Any size, shape, orientation and subsampling, in colour and grey; those that are large enough go this way."""
    image = picture(orientation).resize((width, height))
    options = {} if grey else {"subsampling": subsampling}
    data = encode(image.convert("L") if grey else image, quality=85, exif=turned(orientation), **options)
    found = shared()
    before = found.decoded
    square = Preprocessing(fit, side).read(data, jpegs=found)
    large = (min if fit == "stretch" else max)(width, height) >= 4 * side
    assert found.decoded - before == large
    if large:
        assert near(square, Preprocessing(fit, side, major_version=1).read(data))
    else:
        assert (square == Preprocessing(fit, side).read(data)).all()


@functools.cache
def shared() -> NvJpegDecoder:
    """One for many examples."""
    return NvJpegDecoder("cpu")


def test_embeddings_are_near(jpegs: NvJpegDecoder) -> None:
    """Cosine to the plain way at least 0.997 in the mean and 0.98 at the lowest, which is what is promised of a GPU.

    On a processor it is more: what a GPU's own decoder makes of the colours is left out here.
    """
    embedder = Embedder.load(DEFAULT_WEIGHTS, threads=1)
    files = [encode(picture(seed), quality=quality) for seed in range(6) for quality in (60, 90)]
    one = embedder.embed(np.stack([PLAIN.read(data) for data in files]))
    other = embedder.embed(np.stack([QUICK.read(data, jpegs=jpegs) for data in files]))
    cosines = np.einsum("nd,nd->n", one, other)
    assert jpegs.decoded == len(files)
    assert cosines.mean() >= 0.999 and cosines.min() >= 0.995


UNUSUAL: dict[str, Callable[[], bytes]] = {
    "progressive": lambda: encode(picture(1), progressive=True),
    "CMYK": lambda: encode(picture(1).convert("CMYK")),
    "RGB": lambda: encode(picture(1), keep_rgb=True),
    "4:1:1": lambda: encode(picture(1)).replace(b"\1\x22\0\2\x11", b"\1\x41\0\2\x11"),
    "cut": lambda: encode(picture(1))[:-100],
    "something behind it": lambda: encode(picture(1)) + b"\0",
    "another numbering": lambda: encode(picture(1)).replace(b"\1\x22\0\2\x11\1\3\x11\1", b"\0\x22\0\1\x11\1\2\x11\1"),
    "Adobe": lambda: with_segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)),
    "several scans": several_scans,
    "a marker in the scan": lambda: encode(picture(1))[:-500] + b"\xff\xd8" + encode(picture(1))[-498:],
    "too long for libjpeg": too_long,
    "no table": lambda: encode(picture(1)).replace(b"\xff\xdb\0\x43\1", b"\xff\xdb\0\x43\3"),
    "too many codes": lambda: with_segment(0xC4, b"\0\2" + bytes(15) + b"\1\2"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_pillow(name: str, jpegs: NvJpegDecoder) -> None:
    """Not even tried on the GPU; outcome, reason and square are those of a machine without one."""
    data = UNUSUAL[name]()
    assert data != encode(picture(1)) and plain_pixels(data) is None
    assert same(outcome(data, jpegs), outcome(data, None))
    assert jpegs.decoded == 0


def outcome(data: bytes, jpegs: Jpegs | None, way: Preprocessing = QUICK) -> str | NDArray[np.uint8]:
    """The square, or the reason why there is none."""
    try:
        return way.read(data, limits=Limits(max_pixels=1_000_000), jpegs=jpegs)
    except PictureError as error:
        return f"{type(error).__name__}: {error}"


def same(one: str | NDArray[np.uint8], other: str | NDArray[np.uint8]) -> bool:
    """Equal squares, or equal reasons."""
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    return bool((one == other).all())


@functools.cache
def whole() -> bytes:
    """A small file to damage, large enough to be scaled down to 16 pixels."""
    return encode(picture(4).resize((240, 180)), quality=60)


@given(data=st.data())
@settings(max_examples=400)
def test_nothing_plain_is_refused(data: st.DataObject) -> None:
    """Whatever is wrong with a file: as long as it is plain, Pillow reads it, so no decoder hides that it is broken."""
    damaged = bytearray(whole())
    scan = damaged.index(b"\xff\xda")
    for _ in range(data.draw(st.integers(1, 3), label="wrong bytes")):
        at = data.draw(st.integers(2, scan + 14) | st.integers(2, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255) | st.sampled_from([0, 0xFF, 0xD0, 0xD8, 0xDA, 0xC4, 0xC0]))
    plain: list[int | None] = []

    def look(data: bytes, target: tuple[int, int]) -> None:
        plain.append(plain_pixels(data))

    found = outcome(bytes(damaged), look, Preprocessing("pad", 16))
    assert plain in ([], [None]) or not isinstance(found, str), found


@given(data=st.data())
@settings(max_examples=100)
def test_a_broken_file_has_one_outcome(data: st.DataObject) -> None:
    """Whatever is wrong with a file, it is read or refused as the plain way does, for the same reason."""
    damaged = bytearray(whole())
    for _ in range(data.draw(st.integers(0, 3), label="wrong bytes")):
        end = data.draw(st.sampled_from([64, len(damaged)]))
        damaged[data.draw(st.integers(2, end - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(2, len(damaged)), label="cut from")
    del damaged[cut : cut + data.draw(st.sampled_from([0, 1, 30, len(damaged)]), label="cut length")]
    there = outcome(bytes(damaged), shared(), Preprocessing("pad", 16))
    plain = outcome(bytes(damaged), None, Preprocessing("pad", 16, major_version=1))
    assert type(there) is type(plain)
    if isinstance(plain, str):
        assert there == plain


def test_limits_hold(jpegs: NvJpegDecoder) -> None:
    """A picture that is too large never gets to the GPU."""
    with pytest.raises(UnreadablePicture, match=r"240 x 180 pixels: more than the limit of 43,199 pixels"):
        Preprocessing("pad", 16).read(whole(), limits=Limits(max_pixels=240 * 180 - 1), jpegs=jpegs)
    assert jpegs.decoded == 0


class Watched:
    """Stands in for torchvision's decoder: every batch is remembered, one can be held back, any can fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None
        self.decode = torchvision.io.decode_jpeg
        monkeypatch.setattr(torchvision.io, "decode_jpeg", self)

    def __call__(self, files: list[object], **how: object) -> object:
        self.batches.append(len(files))
        assert self.go.wait(60)
        if self.error is not None:
            raise self.error
        return self.decode(files, **how)

    def until_waiting(self, jpegs: NvJpegDecoder, count: int) -> None:
        """Return when so many pictures are in work or wait for it."""
        deadline = time.monotonic() + 60
        while jpegs.waiting + sum(self.batches) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_many_threads_get_their_own_pictures(jpegs: NvJpegDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while a batch is in work is the next one, no larger than the most; each thread gets its own square."""
    watched = Watched(monkeypatch)
    shapes = [(240 + 7 * n, 600 - 3 * n) for n in range(50)]
    files = [encode(picture(n % 5).resize(shape), quality=80) for n, shape in enumerate(shapes)]
    watched.go.clear()
    with ThreadPoolExecutor(len(files)) as pool:
        squares = [pool.submit(QUICK.read, data, jpegs=jpegs) for data in files]
        watched.until_waiting(jpegs, len(files))
        watched.go.set()
        for square, data in zip(squares, files, strict=True):
            assert near(square.result(), PLAIN.read(data))
    assert sum(watched.batches) == len(files) == jpegs.decoded
    assert max(watched.batches) == TOGETHER


def test_pixels_in_work_are_bounded(jpegs: NvJpegDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch takes no more pixels than there is room for; a picture that is larger by itself is left to Pillow."""
    data = encode(picture(1).resize((400, 300)))
    monkeypatch.setattr(model.images.nvjpeg, "MOST_PIXELS", 3 * 400 * 300)
    watched = Watched(monkeypatch)
    watched.go.clear()
    with ThreadPoolExecutor(10) as pool:
        squares = [pool.submit(QUICK.read, data, jpegs=jpegs) for _ in range(10)]
        watched.until_waiting(jpegs, 10)
        watched.go.set()
        assert all(near(square.result(), PLAIN.read(data)) for square in squares)
    assert max(watched.batches) == 3
    large = encode(picture(1).resize((800, 600)))
    assert same(QUICK.read(large, jpegs=jpegs), QUICK.read(large)) and jpegs.decoded == 10


def test_a_failure_leaves_the_pictures_to_pillow(
    jpegs: NvJpegDecoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so. Later ones are tried again; after many failures in a row no more, and one line says that."""
    watched = Watched(monkeypatch)
    data = encode(picture(1))
    watched.error = RuntimeError("CUDA out of memory.\nmore of it")
    assert same(QUICK.read(data, jpegs=jpegs), QUICK.read(data))
    assert [record.message.split(" error=")[1] for record in caplog.records] == ["CUDA out of memory."]
    watched.error = None
    assert near(QUICK.read(data, jpegs=jpegs), PLAIN.read(data)) and jpegs.decoded == 1
    watched.error = RuntimeError("gone")
    for _ in range(20):
        assert same(QUICK.read(data, jpegs=jpegs), QUICK.read(data))
    assert len(watched.batches) == 2 + model.images.nvjpeg.PATIENCE
    assert len(caplog.records) == 3 and "for_good" in caplog.text


def test_closed_it_leaves_all_to_pillow(jpegs: NvJpegDecoder) -> None:
    """Nobody waits for an answer that will not come."""
    jpegs.close()
    assert jpegs(encode(picture(1)), (96, 70)) is None


class Times:
    """Stands in for the clock of the comparison: what one turn took on the host and on the device."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, host_s: float, device_s: float) -> None:
        turns = (1.0, host_s, device_s)  # the first is a trial
        clock = iter([moment for took_s in turns for moment in (0.0, took_s)])
        monkeypatch.setattr(model.images.nvjpeg, "time", SimpleNamespace(perf_counter=clock.__next__))
        monkeypatch.setattr(model.images.nvjpeg, "SAMPLE_PX", 450)


@pytest.mark.parametrize(("host_s", "device_s"), [(2.0, 1.0), (1.0, 2.0)])
def test_the_quicker_one_decodes(
    host_s: float, device_s: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The device where it took less time, else the host; one line tells what was measured."""
    Times(monkeypatch, host_s, device_s)
    with caplog.at_level(logging.INFO):
        found = nvjpeg_if_faster(QUICK, 2, "cpu")
    assert (found is not None) == (device_s < host_s)
    assert [("use=device" if found else "use=host") in record.message for record in caplog.records] == [True]
    if found:
        assert near(QUICK.read(whole(), jpegs=found), PLAIN.read(whole()))
        found.close()


@pytest.mark.parametrize("what", ["error", "other pixels", "no device"])
def test_a_device_that_does_not_work_is_left_alone(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails, or gives other pictures, or is not there, however fast: the host decodes, and one line says so."""
    Times(monkeypatch, 2.0, 1.0)
    watched = Watched(monkeypatch)
    if what == "error":
        watched.error = RuntimeError("decode_jpegs_cuda: torchvision not compiled with nvJPEG support")
    elif what == "other pixels":
        plain = watched.decode
        monkeypatch.setattr(watched, "decode", lambda files, **how: [255 - one for one in plain(files, **how)])
    else:
        monkeypatch.setattr(watched, "decode", None)
    with caplog.at_level(logging.INFO):
        assert nvjpeg_if_faster(QUICK, 2, "cpu") is None
    assert "use=host" in caplog.text
