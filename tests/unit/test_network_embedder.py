"""The loaded network: one unit vector per picture, in order, however they are batched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.errors import WeightsError
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.resnet18 import Network
from model.network.weights_file import save_network


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Leave the other cores alone: more threads are slower on pictures as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights for 32 pixels and 16 dimensions."""
    torch.manual_seed(20261123)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_network(path, Network(16), preprocessing=Preprocessing("pad", 32), threshold=0.5)
    return path


@pytest.fixture(scope="module")
def embedder(weights: Path) -> Embedder:
    """The network, in batches of four."""
    return Embedder.load(weights, batch=4, precision="fp32", threads=1)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Eleven pictures of noise with a colour of their own."""
    random = np.random.default_rng(1)
    colours = random.integers(0, 200, (11, 1, 1, 3))
    return (colours + random.integers(0, 56, (11, 32, 32, 3))).astype(np.uint8)


def test_unit_length(embedder: Embedder, pictures: NDArray[np.uint8]) -> None:
    """Each embedding is float32 and has unit length; black and white pictures too."""
    plain = np.stack([np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)])
    vectors = embedder.embed(np.concatenate([pictures, plain]))
    assert vectors.shape == (13, 16) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-6)


def test_order_is_kept(embedder: Embedder, pictures: NDArray[np.uint8]) -> None:
    """Each vector belongs to the picture at its place: alone it gets the same one, and no two are equal."""
    vectors = embedder.embed(pictures)
    for picture, vector in zip(pictures, vectors, strict=True):
        assert embedder.embed(picture[np.newaxis])[0] == pytest.approx(vector, abs=1e-5)
    distances = np.abs(vectors[:, None] - vectors[None]).max(axis=2) + np.eye(len(vectors))
    assert distances.min() > 1e-4


@given(st.permutations(range(11)))
@settings(deadline=None, derandomize=True, max_examples=5)
def test_permutation(embedder: Embedder, pictures: NDArray[np.uint8], order: list[int]) -> None:
    """Pictures in another order give the same vectors in that order."""
    assert embedder.embed(pictures[order]) == pytest.approx(embedder.embed(pictures)[order], abs=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 3, 11, 12, 64])
def test_size_of_batches_is_nothing(batch: int, embedder: Embedder, weights: Path, pictures: NDArray[np.uint8]) -> None:
    """How many pictures go through the network at once does not show."""
    other = Embedder.load(weights, batch=batch, precision="fp32", threads=1)
    assert other.embed(pictures) == pytest.approx(embedder.embed(pictures), abs=1e-5)


def test_no_picture(embedder: Embedder) -> None:
    """No pictures, no vectors, and still their dimension."""
    vectors = embedder.embed(np.empty((0, 32, 32, 3), np.uint8))
    assert vectors.shape == (0, 16) and vectors.dtype == np.float32


def test_equals_the_plain_network(embedder: Embedder, pictures: NDArray[np.uint8], weights: Path) -> None:
    """The vectors are those of the network on pixels in 0..1, red first, colours normalised once."""
    from model.network.weights_file import load_network

    network, _ = load_network(weights)
    with torch.no_grad():
        plain = network(torch.tensor(pictures / 255.0, dtype=torch.float32).permute(0, 3, 1, 2)).numpy()
    assert embedder.embed(pictures) == pytest.approx(plain, abs=1e-5)


def test_pictures_are_left_alone(embedder: Embedder, pictures: NDArray[np.uint8]) -> None:
    """Embedding changes no pixel, and takes a view with gaps or a read-only array as well."""
    copy = pictures.copy()
    vectors = embedder.embed(pictures[::2])
    assert vectors == pytest.approx(embedder.embed(np.ascontiguousarray(pictures[::2])), abs=1e-6)
    assert (pictures == copy).all()


def test_read_only_pictures(embedder: Embedder, pictures: NDArray[np.uint8]) -> None:
    """Pictures that may not be written to, as Pillow hands them out, are embedded without a warning."""
    fixed = pictures[:2].copy()
    fixed.flags.writeable = False
    assert embedder.embed(fixed) == pytest.approx(embedder.embed(pictures[:2]), abs=1e-6)


def test_loading_twice_is_the_same(embedder: Embedder, weights: Path, pictures: NDArray[np.uint8]) -> None:
    """Two processes with the same weights give the same vectors; nothing is left to chance."""
    again = Embedder.load(weights, batch=4, precision="fp32", threads=1)
    assert (again.embed(pictures) == embedder.embed(pictures)).all()
    assert again.info == embedder.info


def test_unusable_weights(tmp_path: Path) -> None:
    """Weights that cannot be used are refused with their name."""
    with pytest.raises(WeightsError, match="none"):
        Embedder.load(tmp_path / "none")
