"""The charts of an evaluation: error rates by threshold, the DET curve, open-set identification."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.charts import new_chart, percent_axis
from model.counted_nouns import counted
from model.evaluation.evaluate import Evaluation
from model.evaluation.report import thinned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["evaluation_charts"]

_DET_RANGE = 0.0005, 0.6
_DET_TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4)


def evaluation_charts(found: Evaluation) -> list[Figure]:
    """All charts; the last one only if identification was measured.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    charts = [_error_rates(found), _det_curve(found)]
    if found.identification:
        charts.append(_identification(found))
    return charts


def _error_rates(found: Evaluation) -> Figure:
    figure, axes = new_chart("Error rates by threshold", "cosine distance", "error rate")
    far, frr, thresholds = _curve(found)
    axes.plot(thresholds, far, label="false accept rate")
    axes.plot(thresholds, frr, label="false reject rate")
    axes.set(xlim=(0, max(float(thresholds[-1]), 0.1)), ylim=(0, 1))
    percent_axis(axes.yaxis)
    axes.legend()
    return figure


def _det_curve(found: Evaluation) -> Figure:
    figure, axes = new_chart("DET curve", "false accept rate", "false reject rate")
    far, frr, _ = _curve(found)
    shown = (far > 0) & (far < 1) & (frr > 0) & (frr < 1)
    axes.plot(far[shown], frr[shown])
    axes.plot(found.equal.rate, found.equal.rate, "o", label="equal error rate")
    axes.set_xscale("function", functions=(_deviates, _shares))
    axes.set_yscale("function", functions=(_deviates, _shares))
    axes.set(xticks=_DET_TICKS, yticks=_DET_TICKS)
    axes.set(xlim=_DET_RANGE, ylim=_DET_RANGE)
    percent_axis(axes.xaxis, axes.yaxis)
    axes.legend()
    return figure


def _identification(found: Evaluation) -> Figure:
    figure, axes = new_chart(
        "Open-set identification", "FPIR: strangers that get a name", "FNIR: known characters missed"
    )
    for one in found.identification:
        keep = thinned(len(one.thresholds))
        label = counted(one.references, "reference")
        axes.plot(one.strangers_named[keep], one.known_missed[keep], label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    percent_axis(axes.xaxis, axes.yaxis)
    axes.legend()
    return figure


def _curve(found: Evaluation) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """False accept rate, false reject rate and threshold, `(k,)` each; without the first threshold, -inf."""
    rates = found.rates
    keep = thinned(len(rates.thresholds) - 1) + 1
    return rates.far[keep], rates.frr[keep], rates.thresholds[keep]


def _deviates(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of the normal distribution, the scale of DET plots."""
    deviates: NDArray[np.float64] = np.vectorize(NormalDist().inv_cdf)(np.clip(shares, 1e-6, 1 - 1e-6))
    return deviates


def _shares(deviates: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.vectorize(NormalDist().cdf)(deviates)
    return shares
