"""Charts by matplotlib, in one style, as SVG text or as files. Nothing here needs a display."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import ConfigurationError
from model.extras import require_extra
from model.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["check_chart", "log_axis", "new_chart", "percent_axis", "save_chart", "svg_text"]

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#a0aec0",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "large",
    "font.size": 9.5,
    "grid.color": "#d9dee5",
    "lines.linewidth": 2.0,
    "svg.fonttype": "none",  # text stays text: smaller, and searchable
    "svg.hashsalt": "oshiwake",  # the same chart gives the same bytes
}
_SIZE_INCHES = 5.4, 4.0
_PNG_DPI = 200
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def check_chart(path: Path) -> None:
    """Check that a chart can be drawn and written to this path.

    Raises:
        ConfigurationError: matplotlib is not installed, or the name ends neither in `.png` nor in `.svg`.
    """
    require_extra("training", "a chart", "matplotlib")
    if path.suffix.lower() not in (".png", ".svg"):
        raise ConfigurationError(f"{path}: a chart's name ends in .png or .svg")


def new_chart(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """An empty chart with a title and axis labels.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    require_extra("training", "a chart", "matplotlib")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.subplots()
        axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def percent_axis(*axes: Axis) -> None:
    """Label shares, 0..1, as percentages."""
    for axis in axes:
        axis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def log_axis(*axes: Axis) -> None:
    """Label the powers of ten of logarithmic axes, and 2 and 5 between them, by plain numbers."""
    from matplotlib.ticker import LogLocator, NullLocator

    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:g}")


def svg_text(figure: Figure) -> str:
    """A chart as an `<svg>` element for an HTML page."""
    text = _drawn(figure, "svg").decode()
    return text[text.index("<svg") :]


def save_chart(figure: Figure, path: Path) -> None:
    """Write a chart as PNG or SVG by the file name, atomically.

    Raises:
        ConfigurationError: See `check_chart`.
    """
    check_chart(path)
    write_bytes(path, svg_text(figure).encode() if path.suffix.lower() == ".svg" else _drawn(figure, "png"))


def _drawn(figure: Figure, kind: str) -> bytes:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format=kind, dpi=_PNG_DPI, metadata=_NO_METADATA if kind == "svg" else None)
    return buffer.getvalue()
