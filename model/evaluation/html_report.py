"""One self-contained HTML page with figures, charts and the most confused pairs as pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from model.charts import svg_text
from model.evaluation.charts import evaluation_charts
from model.evaluation.evaluate import Evaluation
from model.extras import require_extra

__all__ = ["check_report", "report_page"]

_THUMBNAIL_PX = 112
_CONFUSED = 12

Show = Callable[[int], tuple[Image.Image, str, str]]
"""From a row to its picture, the name of its character, and its path."""

_Table = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]
"""Column heads and rows."""


@dataclass(frozen=True)
class _Picture:
    place: str
    jpeg: str


@dataclass(frozen=True)
class _Pair:
    pictures: tuple[_Picture, _Picture]
    names: str
    distance: float


def check_report() -> None:
    """Check that the page can be made.

    Raises:
        ConfigurationError: A package of the extra `training` is missing.
    """
    require_extra("training", "a report", "jinja2", "matplotlib")


def report_page(found: Evaluation, values: dict[str, Any], title: str, show: Show) -> str:
    """Make the page, which needs no other file and no network.

    Args:
        found: The evaluation.
        values: The same as plain values, from `report.plain`.
        title: Heading.
        show: Loads the pictures of confused pairs.

    Raises:
        ConfigurationError: See `check_report`.
    """
    check_report()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("model.evaluation", "")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return page.get_template("report.html.jinja").render(
        title=title,
        tables=[_figures(values), _groups(values), _references(values)],
        charts=[svg_text(chart) for chart in evaluation_charts(found)],
        impostors=_confused(found, show, same=False),
        genuine=_confused(found, show, same=True),
    )


def _figures(values: dict[str, Any]) -> _Table:
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
    return ("figure", "value"), rows


def _groups(values: dict[str, Any]) -> _Table:
    rows = [
        (
            group["pictures_each"],
            str(group["characters"]),
            str(group["pictures"]),
            "-" if group["eer"] is None else _percent(group["eer"]),
        )
        for group in values["by_pictures"]
    ]
    return ("pictures each", "characters", "pictures", "equal error rate"), rows


def _references(values: dict[str, Any]) -> _Table:
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
        "pictures of known characters",
        "strangers",
        "top-1",
        "FNIR at FPIR 5 %",
        "FPIR at the stored threshold",
        "FNIR at the stored threshold",
    )
    return heads, rows


def _confused(found: Evaluation, show: Show, *, same: bool) -> list[_Pair]:
    """The worst pairs of one kind."""
    pairs = found.pairs
    rows = np.flatnonzero(pairs.same == same)
    order = np.argsort(-pairs.distances[rows] if same else pairs.distances[rows], kind="stable")[:_CONFUSED]
    return [
        _pair(show, int(pairs.first[row]), int(pairs.second[row]), float(pairs.distances[row])) for row in rows[order]
    ]


def _pair(show: Show, first: int, second: int, distance: float) -> _Pair:
    (one, one_name, one_place), (other, other_name, other_place) = show(first), show(second)
    names = one_name if one_name == other_name else f"{one_name} | {other_name}"
    return _Pair((_Picture(one_place, _jpeg(one)), _Picture(other_place, _jpeg(other))), names, distance)


def _jpeg(picture: Image.Image) -> str:
    """A thumbnail as JPEG in base64."""
    picture = picture.copy()
    picture.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode()


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 0.001 else f"{100 * share:.3g} %"
