"""All benchmarks one after the other, their figures in one JSON file, and the tables of docs/performance.md.

    python benchmarks/bench.py [--only scan reduce] [--json FILE] [--document FILE] [-- OPTIONS]

What stands behind `--` goes to each benchmark, after the sizes that are set here: together they take a quarter of an
hour on two cores. A stage alone can be measured later; the tables of the others stay.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Row, cells_of

HERE = Path(__file__).parent
BENCHMARKS = ("decode", "network", "pipeline", "scan", "queueing", "reduce", "placing", "startup")
SIZES = {
    "scan": ["--files", "1000000"],
    "reduce": ["--images", "1000000"],
    "placing": ["--files", "100000"],
    "startup": ["--demo"],
}
HEADER = "| | images/s | wall s | CPU ms/image | peak MB | × plain | of limit | |\n|-|-:|-:|-:|-:|-:|-:|-|\n"


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS)
    parser.add_argument("--json", type=Path, default=HERE.parent / "docs" / "performance.json")
    parser.add_argument("--document", type=Path, default=HERE.parent / "docs" / "performance.md")
    chosen, passed = parser.parse_known_args()
    found: dict[str, Any] = json.loads(chosen.json.read_text("utf-8")) if chosen.json.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.only:
            more = [word for word in passed if word != "--"]
            subprocess.run(
                [sys.executable, HERE / f"{name}.py", *SIZES.get(name, []), *more, "--json", folder], check=True
            )
            found[name] = json.loads((Path(folder) / f"{name}.json").read_text("utf-8"))
    chosen.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    chosen.document.write_text(rendered(chosen.document.read_text("utf-8"), found), "utf-8")


def rendered(document: str, found: dict[str, Any]) -> str:
    """The document with the table of each benchmark between its marks: <!-- scan --> … <!-- /scan -->."""
    for name, figures in found.items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = table(figures)
        document = pattern.sub(lambda match, text=text: match[1] + text + match[2], document)  # type: ignore[misc]
    return document


def table(figures: dict[str, Any]) -> str:
    """The figures of one benchmark, with the command, the commit and the hardware."""
    lines = []
    for values in figures["rows"]:
        row = Row(**values)
        stages = ", ".join(f"{name} {ms:.4f}" for name, ms in row.stages.items())
        remark = " ".join(part for part in (row.remark, stages and f"CPU ms/image: {stages}") if part)
        lines.append(f"| {' | '.join([row.what, *cells_of(row), remark])} |\n")
    head = f"`{figures['command']}` at {figures['commit']} on {figures['hardware']}.\n"
    compared = f"× plain: {figures['plain']}. Of limit: {figures['limit']}.\n"
    return f"{head}{compared}\n{HEADER}{''.join(lines)}"


if __name__ == "__main__":
    main()
