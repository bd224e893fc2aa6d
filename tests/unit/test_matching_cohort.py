"""The cohort that travels with the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file, save_file

from model.errors import WeightsError
from model.images.preprocessing import Preprocessing
from model.matching.cohort import Cohort, add_cohort, read_cohort
from model.matching.draw_cohort import Views, draw_cohort
from model.network.resnet18 import Network
from model.network.weights_file import load_network, load_tensors, metadata_of, read_info, save_network
from tests.unit.unit_vectors import heads_of, unit


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Random weights of four dimensions."""
    path = tmp_path / "w.safetensors"
    save_network(path, Network(4), preprocessing=Preprocessing("pad", 32), threshold=0.25)
    return path


def cohort(seed: int = 0) -> Cohort:
    """A few vectors."""
    return Cohort(unit(np.random.default_rng(seed).normal(size=(7, 4))), (2.0, -3.0, 2.5, -1.0))


def test_it_travels_with_the_weights(weights: Path) -> None:
    """The file gives it back in half precision, and is the same network as before; a second one takes its place."""
    before = read_info(weights)
    tensors = load_tensors(weights)[0]
    assert read_cohort(weights, 4) is None
    for seed in (1, 2):
        add_cohort(weights, cohort(seed))
        found = read_cohort(weights, 4)
        assert found is not None
        assert found.vectors == pytest.approx(cohort(seed).vectors, abs=1e-3)
        assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1.0, abs=1e-6)
        assert found.confidence == (2.0, -3.0, 2.5, -1.0)
    assert read_info(weights) == before
    after = load_tensors(weights)[0]
    assert after.keys() == tensors.keys()
    assert all((after[name] == tensors[name]).all() for name in tensors)
    load_network(weights)


def test_confidence_of_an_earlier_version(weights: Path) -> None:
    """Two numbers of another meaning: the strangers are of use, and no chance is known."""
    add_cohort(weights, Cohort(cohort().vectors, (-0.5, -0.25)))
    found = read_cohort(weights, 4)
    assert found is not None and found.confidence == () and len(found.vectors) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cohort.vectors", np.ones((3, 5), np.float16)),
        ("cohort.vectors", np.ones((0, 4), np.float16)),
        ("cohort.vectors", np.ones(4, np.float16)),
        ("cohort.vectors", np.ones((3, 4), np.float16)),
        ("cohort.vectors", np.full((3, 4), np.nan, np.float32)),
        ("cohort.vectors", np.ones((3, 4), np.int32)),
        ("cohort.confidence", np.ones(3, np.float32)),
        ("cohort.confidence", np.array([np.inf, 0], np.float32)),
    ],
)
def test_hostile(weights: Path, name: str, value: NDArray[np.float32]) -> None:
    """What is no cohort is refused in one line that names the file."""
    add_cohort(weights, cohort())
    save_file({**load_file(weights), name: value}, weights, metadata=metadata_of(read_info(weights)))
    with pytest.raises(WeightsError, match=f"^{weights}: .*cohort") as caught:
        read_cohort(weights, 4)
    assert "\n" not in str(caught.value)


def test_no_weights(tmp_path: Path) -> None:
    """A file that is missing or something else is told."""
    (tmp_path / "x").write_bytes(b"x" * 100)
    for path in (tmp_path / "x", tmp_path / "missing"):
        with pytest.raises(WeightsError, match=str(path)):
            read_cohort(path, 4)


def test_drawn() -> None:
    """As many strangers as asked for, by the network given, the same every time."""

    def colours(pictures: list[Image.Image]) -> Views:
        small = [np.asarray(picture.convert("RGB").resize((4, 4))).reshape(-1) for picture in pictures]
        whole = unit(np.array(small, np.float64) + 1)
        return whole, heads_of([n % 2 for n in range(len(whole))], whole[1::2, ::-1])

    found = draw_cohort(colours, strangers=20, characters=16)
    assert found.vectors.shape == (20, 48)
    assert len(np.unique(found.vectors, axis=0)) == 20
    assert len(found.confidence) == 4 and np.isfinite(found.confidence).all()
    again = draw_cohort(colours, strangers=20, characters=16)
    assert (again.vectors == found.vectors).all() and again.confidence == found.confidence
