"""Which weights `auto` rounds to 8 bits, and what is kept of that between processes."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

pytest.importorskip("model.network.openvino_runtime", reason="OpenVINO is not installed")

from model.errors import EngineMissing
from model.network.embedder import Embedder
from model.network.engine import Precision
from model.network.int8_products import cpu_flags, int8_is_faster, kernel_bits
from model.network.openvino_runtime import openvino_core
from model.network.weights_file import COHORT_PREFIX, DEFAULT_WEIGHTS, metadata_of, read_info, tensor_digest
from model.synthesis import Identity, draw

needs_bytes = pytest.mark.skipif(not int8_is_faster(cpu_flags()), reason="int8 is not faster on this processor")

PROMISED = 0.999
SIDE = read_info(DEFAULT_WEIGHTS).preprocessing.size_px


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own, with nothing in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "oshiwake"


@pytest.fixture(params=[7, 8], ids=["7-bit", "8-bit"])
def bits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Kernels of so many bits, as on another processor."""
    if request.param > kernel_bits(openvino_core()):
        pytest.skip("on this processor sums of products of bytes do not come out right with kernels of 8 bits")
    monkeypatch.setattr("model.network.openvino_engine.kernel_bits", lambda core: request.param)
    return int(request.param)


@pytest.fixture(scope="module")
def shown() -> NDArray[np.uint8]:
    """Drawn characters that no calibration has used, black and white."""
    drawn = [np.asarray(draw(Identity.from_seed(900 + n), n, size_px=SIDE)) for n in range(20)]
    return np.stack([*drawn, np.zeros_like(drawn[0]), np.full_like(drawn[0], 255)])


@functools.cache
def mine() -> Path:
    """The shipped weights but for the last bits of one number: nothing is shipped with them."""
    tensors = shipped_tensors()
    tensors["head.bias"][0] += 1e-6
    return save_tensors(tensors, Path(tempfile.mkdtemp()) / "mine.safetensors")


def shipped_tensors() -> dict[str, NDArray[Any]]:
    """Those of the network, in float32."""
    tensors = {name: array for name, array in load_file(DEFAULT_WEIGHTS).items() if not name.startswith(COHORT_PREFIX)}
    return {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in tensors.items()}


def save_tensors(tensors: dict[str, NDArray[Any]], path: Path) -> Path:
    """As a weights file that says of itself what the shipped one says."""
    metadata = {**metadata_of(read_info(DEFAULT_WEIGHTS)), "digest": tensor_digest(tensors.items())}
    path.write_bytes(save(tensors, metadata))
    return path


def load(path: Path | None = None, precision: Precision = "auto") -> Embedder:
    """With one thread, so that numbers are the same each time."""
    return Embedder.load(path or mine(), precision=precision, threads=1)


def only_file(cache: Path) -> Path:
    """What is kept."""
    (path,) = cache.iterdir()
    return path


def change(path: Path, **values: Any) -> None:
    """Other values in what is kept."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """The shipped network with one channel that is 4096 times as large, and is read 4096 times as small: the same
    numbers come out, and 256 steps up to that channel leave none for the others."""
    tensors = shipped_tensors()
    block = "trunk.layer2.1"
    busiest = int(np.argmax(np.abs(tensors[f"{block}.conv2.weight"]).sum(axis=(0, 2, 3))))
    for name in ("weight", "bias"):
        tensors[f"{block}.bn1.{name}"][busiest] *= 4096
    tensors[f"{block}.conv2.weight"][:, busiest] /= 4096
    return save_tensors(tensors, tmp_path / "uneven.safetensors")


@needs_bytes
def test_auto_takes_int8_where_it_holds(bits: int, shown: NDArray[np.uint8]) -> None:
    """Trained weights are rounded, and keep what `auto` promises."""
    found = load()
    assert "int8" in found.engine.name
    assert np.einsum("nd,nd->n", found.embed(shown), load(precision="fp32").embed(shown)).min() >= PROMISED


def test_auto_refuses_int8_where_8_bits_are_too_few(uneven: Path, shown: NDArray[np.uint8]) -> None:
    """And the embeddings keep what it promises, which int8 does not."""
    exact = load(uneven, "fp32").embed(shown)
    found = load(uneven)
    assert "int8" not in found.engine.name
    assert np.einsum("nd,nd->n", found.embed(shown), exact).min() >= PROMISED
    with contextlib.suppress(EngineMissing):
        assert np.einsum("nd,nd->n", load(uneven, "int8").embed(shown), exact).min() < PROMISED


@needs_bytes
def test_a_refusal_is_told(uneven: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In one line, with the cosine that was too low; again from what is kept."""
    with caplog.at_level("INFO"):
        load(uneven)
        load(uneven)
    first, second = [record.message for record in caplog.records if "action=int8" in record.message]
    assert first == second
    assert "taken=no" in first


def test_the_next_process_finds_the_same(cache: Path, shown: NDArray[np.uint8]) -> None:
    """From what the first has kept, to the last bit, and without keeping it anew."""
    first = load(precision="int8").embed(shown)
    path = only_file(cache)
    change(path, mark="not written again")
    np.testing.assert_array_equal(load(precision="int8").embed(shown), first)
    assert "mark" in json.loads(path.read_text())


@needs_bytes
def test_what_is_kept_decides(cache: Path) -> None:
    """A later process does not compare again."""
    load()
    change(only_file(cache), min_cosine=0.9)
    assert "int8" not in load().engine.name
    change(only_file(cache), min_cosine=0.99999)
    assert "int8" in load().engine.name


def test_each_weights_file_has_its_own(cache: Path, uneven: Path) -> None:
    """What holds for one is not believed of another."""
    load(precision="int8")
    with pytest.raises(EngineMissing, match="too far on this processor"):
        load(uneven, "int8")
    assert len(list(cache.iterdir())) == 2


def _without(kept: dict[str, Any], without: str) -> dict[str, Any]:
    return {**kept, "activations": {name: one for name, one in kept["activations"].items() if name != without}}


def _with(kept: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        **kept,
        "activations": {**kept["activations"], "layer3.0.inner": {**kept["activations"]["layer3.0.inner"], **values}},
    }


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda kept: b"",
    "half": lambda kept: json.dumps(kept).encode()[:5000],
    "no text": lambda kept: b"\xff\xfe\x00",
    "a list": lambda kept: b"[]",
    "deep": lambda kept: b"[" * 100_000,
    "an earlier revision": lambda kept: {**kept, "revision": 0},
    "another OpenVINO": lambda kept: {**kept, "measured_by": "OpenVINO 1"},
    "other weights": lambda kept: {**kept, "digest": "0" * 64},
    "another side": lambda kept: {**kept, "side": 64},
    "no cosine": lambda kept: {**kept, "min_cosine": None},
    "cosine NaN": lambda kept: {**kept, "min_cosine": float("nan")},
    "a place missing": lambda kept: _without(kept, "layer4.1.inner"),
    "a channel missing": lambda kept: _with(kept, means=kept["activations"]["layer3.0.inner"]["means"][1:]),
    "infinite": lambda kept: _with(kept, maximum=float("inf")),
    "too large": lambda kept: _with(kept, maximum=1e300),
    "much too large": lambda kept: _with(kept, maximum=10**400),
    "below nothing": lambda kept: _with(kept, maximum=-1.0),
    "words": lambda kept: _with(kept, means=["many"] * 256),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_or_foreign_is_as_if_it_were_not_there(
    broken: str, cache: Path, shown: NDArray[np.uint8]
) -> None:
    """The embeddings are those of a first load, and it is kept anew."""
    wanted = load(precision="int8").embed(shown[:3])
    path = only_file(cache)
    whole = json.loads(path.read_text())
    content = BROKEN[broken](whole)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    np.testing.assert_array_equal(load(precision="int8").embed(shown[:3]), wanted)
    assert json.loads(only_file(cache).read_text()) == whole


def test_int8_that_breaks_its_promise_is_refused(cache: Path, bits: int) -> None:
    """By name it is taken from 0.99 on; below that the line says how far it is off and what to choose."""
    load(precision="int8")
    change(only_file(cache), min_cosine=0.9901)
    assert "int8" in load(precision="int8").engine.name
    for cosine in (0.9899, -1.0):
        change(only_file(cache), min_cosine=cosine)
        with pytest.raises(EngineMissing, match=rf"cosine {cosine:.4f}, not 0.99\): choose auto"):
            load(precision="int8")


def test_another_number_of_bits_is_another_quantization(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines that share a home do not take what holds for one another's processors."""
    load(precision="int8")
    assert only_file(cache).exists()
    monkeypatch.setattr("model.network.openvino_engine.kernel_bits", lambda core: {8: 7, 7: 8}[kernel_bits(core)])
    with contextlib.suppress(EngineMissing):
        load(precision="int8")
    assert len(list(cache.iterdir())) == 2


def test_the_shipped_weights_come_with_theirs(cache: Path, bits: int) -> None:
    """No process looks or keeps anything for them, and what is shipped is what a first load would find."""
    load(DEFAULT_WEIGHTS, "int8")
    assert not cache.exists()
    load(precision="int8")
    (shipped,) = DEFAULT_WEIGHTS.parent.glob(f"quantization-*-{bits}bit.json")
    theirs, found = (json.loads(path.read_text()) for path in (shipped, only_file(cache)))
    assert (theirs["revision"], theirs["side"], theirs["digest"]) == (
        found["revision"],
        SIDE,
        read_info(DEFAULT_WEIGHTS).digest,
    ), f"load the weights anew and put what is kept into {shipped.parent}"
    assert theirs["min_cosine"] == pytest.approx(found["min_cosine"], abs=1e-5)
    for name, one in found["activations"].items():
        assert theirs["activations"][name]["maximum"] == pytest.approx(one["maximum"], rel=1e-3)
        np.testing.assert_allclose(theirs["activations"][name]["means"], one["means"], atol=1e-3 * one["maximum"])


def test_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: NDArray[np.uint8]) -> None:
    """Each process looks for itself, and finds the same."""
    wanted = load(precision="int8").embed(shown)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    np.testing.assert_array_equal(load(precision="int8").embed(shown), wanted)


def test_a_relative_cache_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the specification of the XDG base directories says; the home has a cache too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load(precision="int8")
    assert only_file(tmp_path / "home" / ".cache" / "oshiwake").suffix == ".json"
    assert not (tmp_path / "relative").exists()
