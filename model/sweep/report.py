"""The results of a sweep: a table on the terminal, JSON, and a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from model.charts import new_chart, percent_axis, save_chart
from model.files import write_text
from model.sweep.space import GRID
from model.terminal import Terminal

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure

__all__ = ["write_report"]


def write_report(trials: list[optuna.trial.FrozenTrial], output: Path) -> None:
    """Print the trials in the given order; write `sweep.json` and `sweep.svg` into `output`."""
    rows = [{**trial.params, "eer": trial.value, "trial": trial.user_attrs.get("name", "")} for trial in trials]
    table = Table("learning rate", "weight decay", "development EER")
    for row in rows:
        lr, decay = f"{row['optimizer.lr']:.3g}", f"{row['optimizer.weight_decay']:.3g}"
        table.add_row(lr, decay, f"{100 * row['eer']:.2f} %")
    Terminal().print(table)
    write_text(output / "sweep.json", json.dumps(rows, indent=1) + "\n")
    if rows:
        save_chart(_chart(rows), output / "sweep.svg")


def _chart(rows: list[dict[str, Any]]) -> Figure:
    """EER by learning rate: a line per weight decay of the grid; dots where weight decays are drawn."""
    figure, axes = new_chart("Sweep", "learning rate", "development EER")
    axes.set_xscale("log")
    decays = sorted({row["optimizer.weight_decay"] for row in rows})
    if set(decays) <= set(GRID["optimizer.weight_decay"]):
        for decay in decays:
            points = [(row["optimizer.lr"], row["eer"]) for row in rows if row["optimizer.weight_decay"] == decay]
            axes.plot(*zip(*sorted(points), strict=True), "o-", label=f"weight decay {decay:g}")
        axes.legend()
    else:
        axes.plot([row["optimizer.lr"] for row in rows], [row["eer"] for row in rows], "o")
    axes.set_ylim(0, max(0.05, 1.1 * max(row["eer"] for row in rows)))
    percent_axis(axes.yaxis)
    return figure
