"""The within-class whitening: its formula, and that the folded network gives what it promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.adaptation.within_class_whitening import LabelledVectors, WithinClassWhitening, ridge_of
from model.network.engine_selection import load_engine
from model.network.weights_file import load_network, load_tensors, save_network
from tests.unit.network_files import pictures, save_weights
from tests.unit.unit_vectors import unit

seeds = st.integers(0, 2**32 - 1)


def views(seed: int, dimension: int = 6) -> list[LabelledVectors]:
    """Whole pictures and heads of a few characters."""
    random = np.random.default_rng(seed)
    return [
        (unit(random.normal(size=(count, dimension))), random.integers(0, 4, count).astype(np.int64))
        for count in (17, 9)
    ]


def oracle(parts: list[LabelledVectors], block: slice, ridge: float) -> NDArray[np.float64]:
    """The matrix of a part by the formula, a picture at a time: its inverse squared is the covariance and the ridge."""
    dimension = parts[0][0].shape[1]
    scatter = np.zeros((dimension, dimension))
    for vectors, labels in parts:
        for vector, label in zip(vectors, labels, strict=True):
            apart = vector.astype(np.float64) - vectors[labels == label].astype(np.float64).mean(axis=0)
            scatter += np.outer(apart, apart)
    return np.asarray((scatter * dimension / np.trace(scatter) + ridge * np.eye(dimension))[block, block])


@given(seeds, st.integers(0, 5), st.floats(0.1, 30))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_it_is_the_formula(seed: int, colours: int, ridge: float) -> None:
    """Each part's matrix is the inverse square root; the colours keep the share that the matrices leave them."""
    parts = views(seed)
    found = WithinClassWhitening.fit(parts, colours, ridge=ridge)
    cut = 6 - colours
    for matrix, block in ((found.learned, slice(0, cut)), (found.colours, slice(cut, 6))):
        assert matrix == pytest.approx(matrix.T)
        assert np.linalg.inv(matrix @ matrix) == pytest.approx(oracle(parts, block, ridge), rel=1e-5, abs=1e-6)
    rows = np.concatenate([vectors for vectors, _ in parts])
    lengths = [np.square(rows[:, :cut] @ found.learned).sum(), np.square(rows[:, cut:] @ found.colours).sum()]
    assert found.share == pytest.approx(lengths[1] / sum(lengths), abs=1e-6)
    turned = found.applied(rows)
    assert np.linalg.norm(turned, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.square(turned[:, cut:]).sum(axis=1) == pytest.approx(found.share, abs=1e-5)


@given(seeds)
@settings(deadline=None, derandomize=True, max_examples=20)
def test_what_differs_within_characters_counts_less(seed: int) -> None:
    """Characters differ along one axis, their pictures along another: the first one counts more afterwards."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(8), 6)
    rows = 0.05 * random.normal(size=(48, 4)) + [0, 0, 1, 1]
    rows[:, 0] += random.normal(size=8)[labels]
    rows[:, 1] += random.normal(size=48)
    turned = WithinClassWhitening.fit([(unit(rows), labels)], 0).learned
    assert turned[0, 0] > 1.2 * turned[1, 1]


def test_few_pictures_change_little() -> None:
    """The ridge grows where there is less to learn from, and so the matrix comes nearer to leaving all alike."""
    assert ridge_of(500, 10) > 10 * ridge_of(500, 1000) > ridge_of(500, 100_000)
    assert np.isfinite(ridge_of(500, 0))
    few = WithinClassWhitening.fit([(part[:6], labels[:6]) for part, labels in views(1)], 0).learned
    strict = WithinClassWhitening.fit(views(1), 0, ridge=0.01).learned
    assert np.linalg.cond(few) < np.linalg.cond(strict)


@pytest.mark.parametrize("colours", [0, 8])
def test_the_folded_network_gives_the_same(tmp_path: Path, colours: int) -> None:
    """Every engine, from a weights file with the matrices folded in: what `applied` makes of the vectors before."""
    path = save_weights(tmp_path / "before.safetensors", colours, 32)
    shown = pictures(32, 12)
    network, info = load_network(path)
    before = load_engine(path, precision="fp32")[0](shown)
    fitted = WithinClassWhitening.fit([(before, np.repeat(np.arange(4), 3))], colours)
    wanted = fitted.applied(before)
    assert float((wanted * before).sum(axis=1).max()) < 0.9999  # it does something

    import torch

    from model.network.torch_engine import TorchEngine

    folded = fitted.folded(load_tensors(path)[0])
    network.load_state_dict({name: torch.from_numpy(np.asarray(array)) for name, array in folded.items()})
    save_network(tmp_path / "after.safetensors", network, preprocessing=info.preprocessing, threshold=0.5)
    found = load_engine(tmp_path / "after.safetensors", precision="fp32")[0](shown)
    assert found == pytest.approx(wanted, abs=2e-5)
    assert TorchEngine(network)(shown) == pytest.approx(wanted, abs=2e-5)
