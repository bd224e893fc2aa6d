"""The figures of an evaluation as plain values, and as a table in the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from model.evaluation.evaluate import Evaluation
from model.evaluation.identification import Identification

__all__ = ["CURVE_POINTS", "plain", "print_evaluation", "thinned"]

CURVE_POINTS = 400
_FARS = (0.01, 0.001)
_STRANGERS = 0.05


def plain(found: Evaluation, threshold: float) -> dict[str, Any]:
    """All figures as JSON values; rates are shares, 0..1.

    Args:
        found: The evaluation.
        threshold: The threshold stored in the weights; the rates at it are added.
    """
    far, frr = found.rates.at(threshold)
    curve = thinned(len(found.rates.thresholds) - 1) + 1  # the first threshold is -inf, which JSON cannot hold
    return {
        "pictures": found.pictures,
        "characters": found.characters,
        "pairs": {
            "all": found.every_pair,
            "genuine": int(found.pairs.same.sum()),
            "impostor": int((~found.pairs.same).sum()),
        },
        "eer": found.equal.rate,
        "eer_threshold": found.equal.threshold,
        "eer_interval_95": list(found.interval),
        "stored_threshold": {"threshold": threshold, "far": far, "frr": frr},
        "frr_at_far": {f"{rate:g}": found.rates.frr_at_far(rate) for rate in _FARS},
        "threshold_at_far": {f"{rate:g}": found.rates.threshold_at_far(rate) for rate in _FARS},
        "by_pictures": [
            {
                "pictures_each": group.name,
                "characters": group.characters,
                "pictures": group.pictures,
                "eer": group.equal.rate if group.equal else None,
            }
            for group in found.groups
        ],
        "identification": [_identification(one, threshold) for one in found.identification],
        "map_at_r": found.map_at_r,
        "curve": {
            "threshold": found.rates.thresholds[curve].tolist(),
            "far": found.rates.far[curve].tolist(),
            "frr": found.rates.frr[curve].tolist(),
        },
    }


def _identification(one: Identification, threshold: float) -> dict[str, float]:
    named, missed = one.at(threshold)
    return {
        "references": one.references,
        "known": one.known,
        "strangers": one.strangers,
        "top1": one.top1,
        "known_missed_at_5_percent_strangers_named": one.missed_at(_STRANGERS),
        "strangers_named_at_stored_threshold": named,
        "known_missed_at_stored_threshold": missed,
    }


def thinned(length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most `CURVE_POINTS` indices into `length` values, with both ends."""
    return np.unique(np.linspace(0, length - 1, min(length, CURVE_POINTS)).round().astype(np.int64))


def print_evaluation(values: dict[str, Any], console: Console) -> None:
    """Print what `plain` gives."""
    low, high = values["eer_interval_95"]
    kind = "all" if values["pairs"]["all"] else "drawn"
    console.print(
        f"{values['pictures']} pictures of {values['characters']} characters, {kind} pairs: "
        f"{values['pairs']['genuine']} genuine, {values['pairs']['impostor']} impostor"
    )
    console.print(_figures(values, low, high))
    console.print(_groups(values))
    if values["identification"]:
        console.print(_references(values))


def _figures(values: dict[str, Any], low: float, high: float) -> Table:
    table = Table("figure", "value")
    stored = values["stored_threshold"]
    table.add_row("equal error rate", f"{_percent(values['eer'])}  (95 %: {_percent(low)} - {_percent(high)})")
    table.add_row("at threshold", f"{values['eer_threshold']:.4f}")
    for far, frr in values["frr_at_far"].items():
        at = values["threshold_at_far"][far]
        table.add_row(f"FRR at FAR {_percent(float(far))}", f"{_percent(frr)}  (threshold {at:.4f})")
    rates = f"FAR {_percent(stored['far'])}, FRR {_percent(stored['frr'])}"
    table.add_row(f"at the stored threshold {stored['threshold']:.4f}", rates)
    table.add_row("MAP@R", f"{values['map_at_r']:.4f}")
    return table


def _groups(values: dict[str, Any]) -> Table:
    table = Table("pictures each", "characters", "pictures", "equal error rate")
    for group in values["by_pictures"]:
        rate = "-" if group["eer"] is None else _percent(group["eer"])
        table.add_row(group["pictures_each"], str(group["characters"]), str(group["pictures"]), rate)
    return table


def _references(values: dict[str, Any]) -> Table:
    table = Table(
        "references", "known", "strangers", "top-1", "missed at 5 % strangers named", "strangers named / missed, stored"
    )
    for one in values["identification"]:
        named, missed = one["strangers_named_at_stored_threshold"], one["known_missed_at_stored_threshold"]
        table.add_row(
            str(one["references"]),
            str(one["known"]),
            str(one["strangers"]),
            _percent(one["top1"]),
            _percent(one["known_missed_at_5_percent_strangers_named"]),
            f"{100 * named:.1f} / {100 * missed:.1f} %",
        )
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 0.001 else f"{100 * share:.3g} %"
