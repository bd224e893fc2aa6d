"""What came out of a sweep: a table on the terminal, the same as JSON, and a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from model.files import write_text
from model.plot import Axis, Chart, Series, save_chart
from model.sweep.space import GRID
from model.terminal import Terminal

if TYPE_CHECKING:
    import optuna

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


def _chart(rows: list[dict[str, Any]]) -> Chart:
    """EER by learning rate, a series per weight decay (those of a random search together)."""
    decays = sorted({row["optimizer.weight_decay"] for row in rows})
    groups = decays if set(decays) <= set(GRID["optimizer.weight_decay"]) else [None]
    series = [
        Series(
            "" if decay is None else f"weight decay {decay:g}",
            sorted((row["optimizer.lr"], row["eer"]) for row in rows if decay in (None, row["optimizer.weight_decay"])),
            "dots" if decay is None else "line",
        )
        for decay in groups
    ]
    rates = [row["optimizer.lr"] for row in rows]
    x = Axis("learning rate", min(rates) / 2, max(rates) * 2, "log")
    y = Axis("development EER", 0, max(0.05, max(row["eer"] for row in rows) * 1.1), percent=True)
    return Chart("Sweep", x, y, series)
