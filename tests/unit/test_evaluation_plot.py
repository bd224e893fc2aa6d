"""Charts: where their parts stand."""

from __future__ import annotations

import re

import pytest

from model.plot import Axis, Chart, Series, svg_chart

UNIT = Axis("x", 0, 1)


def boxes(chart: Chart) -> list[tuple[float, float]]:
    """Left and top of each box of a drawn chart: of a chart of lines, those of its legend."""
    return [(float(x), float(y)) for x, y in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', svg_chart(chart))]


@pytest.mark.parametrize("corner", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_legend_stands_where_no_curve_is(corner: tuple[float, float]) -> None:
    """Curves that crowd in a corner, leave another place to the legend."""
    crowd = [(abs(corner[0] - i / 100), abs(corner[1] - k / 100)) for i in range(40) for k in range(30)]
    chart = Chart("title", UNIT, UNIT, [Series("a long name of a curve", crowd), Series("other", [(0.5, 0.5)])])
    places = [chart.at(x, y) for x, y in crowd]
    for left, top in boxes(chart):
        assert not any(left <= x <= left + 150 and top <= y <= top + 10 for x, y in places)


def test_ticks_of_a_short_log_axis() -> None:
    """Between powers of ten 2 and 5 are marked, unless there are many powers."""
    assert [value for value, _ in Axis("n", 1, 30, "log").ticks()] == [1, 2, 5, 10, 20]
    assert [value for value, _ in Axis("n", 1, 1e4, "log").ticks()] == [1, 10, 100, 1000, 10000]
