"""What runs a network: every engine and precision against the plain one, torch in float32."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from safetensors.numpy import load_file

from model.errors import EngineMissing, WeightsError
from model.network.architecture import ARCHITECTURE
from model.network.colour_histogram import histograms as plain_histograms
from model.network.colour_histogram_numpy import histograms
from model.network.embedder import Embedder
from model.network.engine import Precision
from model.network.engine_selection import load_engine
from model.network.torch_engine import TorchEngine, folded
from model.network.weights_file import DEFAULT_WEIGHTS, load_network
from tests.unit.network_files import pictures, save_weights

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")

MIN_COSINE: dict[Precision, float] = {"fp32": 0.999999, "bf16": 0.9995, "auto": 0.999, "int8": 0.99}
"""The lowest cosine to torch in float32 that each precision may show; docs/performance.md tells what was seen."""


@pytest.fixture(
    scope="module", params=[(0, 64), (128, 96), (40, 61)], ids=["plain-64", "colours128-96", "colours40-61"]
)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each architecture, with numbers such as training leaves them."""
    return save_weights(tmp_path_factory.mktemp("weights") / "w.safetensors", *request.param)


def plain(path: Path) -> Embedder:
    """Torch in float32."""
    network, info = load_network(path)
    return Embedder(TorchEngine(network, threads=1), info)


def cosines(path: Path, precision: Precision) -> NDArray[np.float32]:
    """To the plain engine, for each of some pictures."""
    found = Embedder.load(path, precision=precision, threads=1, batch=8)
    shown = pictures(found.info.preprocessing.size_px, 20)
    shown = np.concatenate([shown, np.zeros_like(shown[:1]), np.full_like(shown[:1], 255)])
    vectors = found.embed(shown)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    return np.einsum("nd,nd->n", vectors, plain(path).embed(shown))  # type: ignore[no-any-return]


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto", "int8"])
def test_embeddings_are_those_of_torch(weights: Path, precision: Precision) -> None:
    """Every architecture in every precision, black and white pictures too; or a processor refuses it by name."""
    try:
        least = cosines(weights, precision).min()
    except EngineMissing as refused:
        assert precision in ("bf16", "int8") and f"{precision} " in str(refused) and "choose auto" in str(refused)
    else:
        assert least >= MIN_COSINE[precision]


@needs_openvino
@pytest.mark.parametrize(("batch", "threads", "taken"), [(0, 1, 8), (0, 2, 16), (5, 2, 5)])
def test_the_engine_says_which_batch_suits_it(batch: int, threads: int, taken: int) -> None:
    """It counts where nobody asks for another."""
    assert Embedder.load(DEFAULT_WEIGHTS, batch=batch, threads=threads).batch == taken


@pytest.mark.parametrize("precision", ["fp32", "auto", "int8"])
def test_embeddings_of_the_shipped_weights(precision: Precision) -> None:
    """The shipped weights keep to the same bounds; so `auto` is safe where it is the default."""
    assert cosines(DEFAULT_WEIGHTS, precision).min() >= MIN_COSINE[precision]


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(50), st.just(50), st.just(3))))
def test_colours_without_torch(shown: NDArray[np.uint8]) -> None:
    """Any pixels have the same histogram, told by pixel or by bin."""
    wanted = plain_histograms(torch.from_numpy(shown.astype(np.float32) / 255).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(histograms(shown), wanted, atol=2e-4)


def test_without_openvino_torch_embeds(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a platform without its wheel everything works in float32; what it alone can do is refused by name."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    engine, _ = load_engine(weights, threads=1)
    assert isinstance(engine, TorchEngine)
    for precision in ("int8", "bf16"):
        with pytest.raises(EngineMissing, match=f"{precision} on cpu needs OpenVINO"):
            load_engine(weights, precision=precision)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_without_an_engine_the_installation_is_named(
    device: str, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core alone runs no network on a GPU; the message says what does."""
    for package in ("openvino", "torch"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineMissing, match=r"pip install 'oshiwake\[gpu\]'"):
        load_engine(weights, device=device)


@needs_openvino
def test_tensors_that_do_not_fit(weights: Path, tmp_path: Path) -> None:
    """A missing or misshapen tensor is told with the file's name, not found at the first picture."""
    from safetensors.numpy import save_file

    from model.network.weights_file import metadata_of, read_info, tensor_digest

    tensors = load_file(weights)
    for name in ("trunk.layer2.0.conv1.weight", "head.bias"):
        for broken in ({k: v for k, v in tensors.items() if k != name}, {**tensors, name: tensors[name][:-1]}):
            metadata = {**metadata_of(read_info(weights)), "digest": tensor_digest(broken.items())}
            save_file(broken, tmp_path / "broken.safetensors", metadata)
            with pytest.raises(WeightsError, match=rf"broken.*do not fit {ARCHITECTURE}"):
                load_engine(tmp_path / "broken.safetensors", threads=1)


def test_what_a_gpu_computes_on_a_processor(weights: Path) -> None:
    """Folded and in half precision, the arithmetic of the GPU path stays within the bound of `auto`.

    A GPU itself is not needed, and not proven: recording, pinned memory and its own kernels are left out here.
    """
    network, info = load_network(weights)
    shown = pictures(info.preprocessing.size_px, 12)
    wanted = TorchEngine(network, threads=1)(shown)
    with torch.inference_mode():
        exact = folded(network)(torch.from_numpy(shown).permute(0, 3, 1, 2) / 255).numpy()
    assert np.einsum("nd,nd->n", exact, wanted).min() >= MIN_COSINE["fp32"]
    half = TorchEngine(network, precision="bf16", threads=1)(shown)
    assert np.einsum("nd,nd->n", half, wanted).min() >= MIN_COSINE["bf16"]
    assert np.linalg.norm(half, axis=1) == pytest.approx(1, abs=1e-5)
