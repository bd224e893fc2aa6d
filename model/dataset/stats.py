"""Statistics of a dataset as in the article, and a histogram."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.charts import log_axis, new_chart
from model.dataset.manifest import Entry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Stats", "histogram", "stats_of"]


@dataclass(frozen=True)
class Stats:
    """The figures that the article gives for its data.

    Attributes:
        pictures: Pictures of characters with two or more.
        characters: Characters with two or more pictures.
        mean: Pictures per such character.
        exactly_two: Characters with exactly two.
        largest: Name and number of pictures of the largest character; empty and 0 without one.
        counts: Number of characters by number of pictures.
    """

    pictures: int
    characters: int
    mean: float
    exactly_two: int
    largest: tuple[str, int]
    counts: dict[int, int]


def stats_of(entries: Sequence[Entry]) -> Stats:
    """Count. A picture of several characters counts for each of them and in the mean, but is one picture."""
    each = Counter(name for entry in entries for name in entry.characters)
    two = {name: count for name, count in each.items() if count >= 2}
    return Stats(
        pictures=sum(1 for entry in entries if any(name in two for name in entry.characters)),
        characters=len(two),
        mean=sum(two.values()) / len(two) if two else 0.0,
        exactly_two=sum(1 for count in two.values() if count == 2),
        largest=max(two.items(), key=lambda item: (item[1], item[0]), default=("", 0)),
        counts=dict(sorted(Counter(two.values()).items())),
    )


def histogram(stats: Stats) -> Figure:
    """Characters by their number of pictures, both axes logarithmic.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    figure, axes = new_chart("Characters by number of pictures", "pictures of a character", "characters")
    axes.set(xscale="log", yscale="log")
    log_axis(axes.xaxis, axes.yaxis)
    axes.vlines(list(stats.counts), 0.5, list(stats.counts.values()), linewidth=4)
    most, highest = max(stats.counts, default=0), max(stats.counts.values(), default=0)
    axes.set(xlim=(1, max(10, 1.2 * most)), ylim=(0.8, max(10, 1.2 * highest)))
    return figure
