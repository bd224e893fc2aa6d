"""An axis: which values it shows, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

__all__ = ["Axis", "Scale"]

Scale = Literal["linear", "log", "normal"]

_NORMAL_TICKS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        name: What it shows, with its unit.
        low: Smallest value shown.
        high: Largest value shown, above `low`.
        scale: `normal` spaces shares as the deviates of a normal distribution, as DET plots do; `log` needs low > 0.
        percent: Label shares as percentages.
    """

    name: str
    low: float
    high: float
    scale: Scale = "linear"
    percent: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 at `low` and 1 at `high`; values outside are moved to the nearer end."""
        low, high = self._spread(self.low), self._spread(self.high)
        return (self._spread(min(max(value, self.low), self.high)) - low) / (high - low)

    def _spread(self, value: float) -> float:
        if self.scale == "log":
            return math.log10(value)
        if self.scale == "normal":
            return NormalDist().inv_cdf(value)
        return value

    def ticks(self) -> list[tuple[float, str]]:
        """Values to mark, with their labels."""
        return [(value, self._label(value)) for value in self._values() if self.low <= value <= self.high]

    def _values(self) -> list[float]:
        if self.scale == "normal":
            return list(_NORMAL_TICKS)
        if self.scale == "log":
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            between = (1, 2, 5) if self.high < 1000 * self.low else (1,)
            return [factor * 10.0**power for power in powers for factor in between]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [round(i * step, 12) for i in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _label(self, value: float) -> str:
        return f"{100 * value:g} %" if self.percent else f"{value:g}"


def _round_step(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
