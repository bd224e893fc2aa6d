"""Error rates and the equal error rate against plain counting and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from model.errors import EvaluationError
from model.evaluation.rates import equal_error, error_rates

COARSE = st.lists(st.integers(0, 12).map(lambda n: n / 6), min_size=1, max_size=40)
"""Distances with many ties."""

FINE = st.lists(st.floats(0, 2, width=32), min_size=1, max_size=40)


def sklearn_eer(genuine: list[float], impostor: list[float]) -> float:
    """The usual computation: where the ROC polyline meets the other diagonal."""
    truth = [1] * len(genuine) + [0] * len(impostor)
    fpr, tpr, _ = roc_curve(truth, [-d for d in genuine + impostor], drop_intermediate=False)
    gap = fpr - (1 - tpr)
    k = int(np.argmax(gap >= 0))
    share = -gap[k - 1] / (gap[k] - gap[k - 1])
    return float(fpr[k - 1] + share * (fpr[k] - fpr[k - 1]))


@given(st.one_of(COARSE, FINE), st.one_of(COARSE, FINE))
@settings(deadline=None, derandomize=True)
def test_equal_error_agrees_with_scikit_learn(genuine: list[float], impostor: list[float]) -> None:
    """The equal error rate is that of scikit-learn's ROC curve to 1e-6, ties or not."""
    found = equal_error(error_rates(np.array(genuine), np.array(impostor)))
    assert found.rate == pytest.approx(sklearn_eer(genuine, impostor), abs=1e-6)


@given(COARSE, COARSE)
@settings(deadline=None, derandomize=True)
def test_rates_are_counts(genuine: list[float], impostor: list[float]) -> None:
    """At every threshold the rates are what counting pairs gives."""
    rates = error_rates(np.array(genuine), np.array(impostor))
    for threshold, far, frr in zip(rates.thresholds, rates.far, rates.frr, strict=True):
        assert far == pytest.approx(sum(d <= threshold for d in impostor) / len(impostor))
        assert frr == pytest.approx(sum(d > threshold for d in genuine) / len(genuine))


@given(COARSE, COARSE, st.floats(0, 1))
@settings(deadline=None, derandomize=True)
def test_threshold_keeps_the_wanted_far(genuine: list[float], impostor: list[float], far: float) -> None:
    """The threshold for a wanted FAR does not exceed it, and has the FRR that is told for it."""
    rates = error_rates(np.array(genuine), np.array(impostor))
    threshold = rates.threshold_at_far(far)
    if threshold > 0 or min(impostor) > 0:
        found_far, found_frr = rates.at(threshold)
        assert found_far <= far
        assert found_frr == pytest.approx(rates.frr_at_far(far))


def test_perfect_and_hopeless() -> None:
    """Separate distances give 0, swapped ones 1, equal ones one half."""
    low, high = np.array([0.1, 0.2]), np.array([0.8, 0.9])
    assert equal_error(error_rates(low, high)).rate == 0
    assert equal_error(error_rates(high, low)).rate == 1
    assert equal_error(error_rates(low[:1], low[:1])).rate == 0.5


@pytest.mark.parametrize(("genuine", "impostor"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.inf])])
def test_impossible_input(genuine: list[float], impostor: list[float]) -> None:
    """One kind of pair alone, or a distance that is no number, is refused."""
    with pytest.raises(EvaluationError):
        error_rates(np.array(genuine), np.array(impostor))
