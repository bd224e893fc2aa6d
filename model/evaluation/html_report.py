"""One self-contained HTML page with figures, plots and the most confused pairs as pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.evaluation.evaluate import Evaluation
from model.evaluation.report import thinned
from model.plot import Axis, Chart, Series, svg_chart

__all__ = ["charts", "report_page"]

_THUMBNAIL_PX = 112
_CONFUSED = 12
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; color: #1a202c }
h1 { font-size: 1.6rem } td { white-space: nowrap }
table { border-collapse: collapse; margin: 1rem 0 } td, th { border: 1px solid #cbd5e0; padding: .3rem .7rem }
th { background: #edf2f7; text-align: left } figure { display: inline-block; margin: .4rem; text-align: center }
figcaption { font-size: 12px; max-width: 240px } svg { border: 1px solid #e2e8f0; margin: .3rem }
"""

Show = Callable[[int], tuple[Image.Image, str, str]]
"""Gives the picture of a row, whom it shows, and where it lies."""

_WORDS = (
    "Genuine pairs show one character, impostor pairs two. FAR: share of the impostor pairs that are accepted; FRR: "
    "share of the genuine pairs that are rejected. Strangers are pictures of characters without references."
)


def report_page(found: Evaluation, values: dict[str, Any], title: str, show: Show) -> str:
    """Make the page; it needs no other file and no network.

    Args:
        found: The evaluation.
        values: The same as `report.plain` gives it.
        title: Heading.
        show: Gives the pictures of confused pairs.
    """
    plots = "\n".join(svg_chart(chart) for chart in charts(found))
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
            f"<p>{_WORDS}</p>",
            _figures(values),
            _groups(values),
            _references(values),
            f"<h2>Curves</h2>{plots}",
            "<h2>Two characters taken for one</h2>",
            _confused(found, show, same=False),
            "<h2>One character taken for two</h2>",
            _confused(found, show, same=True),
            "</body></html>",
        ]
    )


def _figures(values: dict[str, Any]) -> str:
    low, high = values["eer_interval_95"]
    stored = values["stored_threshold"]
    rows = [
        ("pictures", f"{values['pictures']:,}"),
        ("characters", f"{values['characters']:,}"),
        (
            f"genuine / impostor pairs, {'all' if values['pairs']['all'] else 'drawn'}",
            f"{values['pairs']['genuine']:,} / {values['pairs']['impostor']:,}",
        ),
        ("equal error rate", f"{_percent(values['eer'])} (95 %: {_percent(low)} to {_percent(high)})"),
        ("its threshold", f"{values['eer_threshold']:.4f}"),
        *(
            (f"FRR at FAR {_percent(float(far))}", f"{_percent(frr)} (threshold {values['threshold_at_far'][far]:.4f})")
            for far, frr in values["frr_at_far"].items()
        ),
        (
            f"at the stored threshold {stored['threshold']:.4f}",
            f"FAR {_percent(stored['far'])}, FRR {_percent(stored['frr'])}",
        ),
        ("MAP@R", f"{values['map_at_r']:.4f}"),
    ]
    return _table(("figure", "value"), rows)


def _groups(values: dict[str, Any]) -> str:
    rows = [
        (
            group["pictures_each"],
            str(group["characters"]),
            str(group["pictures"]),
            "-" if group["eer"] is None else _percent(group["eer"]),
        )
        for group in values["by_pictures"]
    ]
    return _table(("pictures each", "characters", "pictures", "equal error rate"), rows)


def _references(values: dict[str, Any]) -> str:
    rows = [
        (
            str(one["references"]),
            f"{one['known']:,}",
            f"{one['strangers']:,}",
            _percent(one["top1"]),
            _percent(one["known_missed_at_5_percent_strangers_named"]),
            _percent(one["strangers_named_at_stored_threshold"]),
            _percent(one["known_missed_at_stored_threshold"]),
        )
        for one in values["identification"]
    ]
    heads = (
        "references",
        "known",
        "strangers",
        "top-1",
        "known ones missed where 5 % of the strangers are named",
        "strangers named at the stored threshold",
        "known ones missed there",
    )
    return _table(heads, rows) if rows else ""


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def charts(found: Evaluation) -> list[Chart]:
    """Error rates by threshold, the DET curve, and open-set identification."""
    rates = found.rates
    keep = thinned(len(rates.thresholds) - 1) + 1
    far, frr, at = rates.far[keep], rates.frr[keep], rates.thresholds[keep]
    top = float(max(at[-1], 0.1))
    error = Axis("error rate", 0, 1, percent=True)
    by_threshold = [Series("false accept rate", _points(at, far)), Series("false reject rate", _points(at, frr))]
    det = Axis("false accept rate", 0.0005, 0.6, "normal", percent=True)
    other = Axis("false reject rate", 0.0005, 0.6, "normal", percent=True)
    equal = [(found.equal.rate, found.equal.rate)]
    plots = [
        Chart("Error rates by threshold", Axis("cosine distance", 0, top), error, by_threshold),
        Chart(
            "DET curve", det, other, [Series("", _inside(det, _points(far, frr))), Series("equal error", equal, "dots")]
        ),
    ]
    if found.identification:
        named = [
            Series(
                f"{one.references} reference{'s' * (one.references > 1)}",
                _points(*_thin(one.strangers_named, one.known_missed)),
            )
            for one in found.identification
        ]
        known = Axis("known ones missed", 0, 1, percent=True)
        plots.append(Chart("Open-set identification", Axis("strangers named", 0, 1, percent=True), known, named))
    return plots


def _inside(axis: Axis, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that both axes show; outside of them the curve would run along the frame."""
    return [point for point in points if all(axis.low <= value <= axis.high for value in point)]


def _thin(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    keep = thinned(len(first))
    return first[keep], second[keep]


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _confused(found: Evaluation, show: Show, *, same: bool) -> str:
    """The pairs of one kind that the network gets most wrong."""
    pairs = found.pairs
    rows = np.flatnonzero(pairs.same == same)
    order = np.argsort(-pairs.distances[rows] if same else pairs.distances[rows], kind="stable")[:_CONFUSED]
    return "\n".join(
        _pair(show, int(pairs.first[row]), int(pairs.second[row]), float(pairs.distances[row])) for row in rows[order]
    )


def _pair(show: Show, first: int, second: int, distance: float) -> str:
    (one, one_name, one_place), (other, other_name, other_place) = show(first), show(second)
    names = escape(one_name if one_name == other_name else f"{one_name} | {other_name}")
    images = f"{_image(one, one_place)}{_image(other, other_place)}"
    return f"<figure>{images}<figcaption>{distance:.3f}<br>{names}</figcaption></figure>"


def _image(picture: Image.Image, place: str) -> str:
    picture = picture.copy()
    picture.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(place)}" title="{escape(place)}" src="data:image/jpeg;base64,{data}">'


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 0.001 else f"{100 * share:.3g} %"
