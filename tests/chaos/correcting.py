"""A person corrects what a run has placed, while processes are killed: by hand and by command; then the next run."""

from __future__ import annotations

import csv
import hashlib
import random
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from store.decision_log import DecisionLog
from store.run import Run
from store.store import Store
from tests.chaos.processes import Processes

__all__ = ["Corrected", "correct_under_fire"]

_POINTS = ("commit", "replace", "link")
_TRIES = 12


@dataclass
class Corrected:
    """What was done.

    Attributes:
        run: The run that came after the corrections.
        stays: The files that a person put where they are.
        struck: Kills by name.
        found: What was not as it should be, one line each.
    """

    run: Run
    stays: list[Path]
    struck: Counter[str]
    found: list[str]


def correct_under_fire(processes: Processes, mode: str, rng: random.Random, kills: int) -> Corrected:
    """Move one picture to another character, one to nobody, confirm one as a new character; sort again, under kills."""
    output, folder = processes.collection.output, processes.folder / "kills"
    # A page of the comic has a short name: it is copied by every mode, and stays where a person puts it.
    named = sorted(path for path in output.rglob("[0-9][0-9][0-9][0-9]*.png") if path.parent.name[0] not in "_.")
    moved, aside = rng.sample(named, 2)
    other = rng.choice(sorted({path.parent for path in named} - {moved.parent}))
    nobody = output / "_unknown"
    confirmed = rng.choice(sorted(nobody.glob("*.png")))
    digests = {name: _digest(path) for name, path in (("moved", moved), ("aside", aside), ("confirmed", confirmed))}
    stays = [other / "by hand.png", nobody / "not this one.png"]
    moved.rename(stays[0])
    aside.rename(stays[1])
    _draw_points(rng, folder, kills, 2)
    _until_done(processes, "confirm", ["confirm", confirmed, "--character", "Mio"], {0}, [], folder)
    c = processes.collection
    args: list[str | Path] = ["run", c.archive, "--references", c.references, "--output", output, "--mode", mode]
    _until_done(processes, "reduce", args, {0, 1}, ["resume"], folder)
    struck = Counter({"kill while correcting": kills - len(list(folder.iterdir()))})
    for point in folder.iterdir():
        point.unlink()
    run = Store(c.store).latest()
    return Corrected(run, stays, struck, _differences(processes, run, digests, other.name))


def _draw_points(rng: random.Random, folder: Path, kills: int, calls: int) -> None:
    while len(list(folder.iterdir())) < kills:
        (folder / f"{rng.choice(_POINTS)}-{rng.randint(1, 2 * calls)}-{rng.choice(('before', 'after'))}").touch()


def _until_done(
    processes: Processes, queue: str, args: list[str | Path], codes: set[int], then: list[str | Path], folder: Path
) -> None:
    """Start a command, and again, or what mends it, until it ends as it should."""
    for _ in range(_TRIES):
        code = processes.start("correcting", *args, KILL_QUEUE=queue).wait(300)
        if code in codes:
            return
        assert code in (-signal.SIGKILL, 2), f"{args[0]} ended with exit code {code}"
        args = then or args
    raise AssertionError(f"{args[0]} does not end; {[path.name for path in folder.iterdir()]}")


def _differences(processes: Processes, run: Run, digests: dict[str, str], other: str) -> list[str]:
    """Where the decisions, the summary or the report are not what the person said."""
    summary = run.last_pass.summary or {}
    found = []
    by_hand = {name: value for name, value in summary["by_hand"].items() if value}
    if by_hand != {"moved": 2, "confirmed": 1, "rejected": 2}:
        found.append(f"understood by hand: {by_hand}")
    output = processes.collection.output
    said = {(one.digest, one.kind.value, one.character) for one in DecisionLog(output).read()}
    expected = {(digests["moved"], "confirmed", other), (digests["confirmed"], "confirmed", "Mio")}
    if not expected <= said or len(said) != 4:
        found.append(f"decisions: {sorted(said)}")
    with open(output / "report.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["outcome"] in ("assigned", "unknown", "review")]
    for digest, name in ((digests["moved"], other), (digests["confirmed"], "Mio")):
        found += [
            f"{row['path']} is {row['character']}, not {name}"
            for row in rows
            if row["digest"] == digest and row["character"] != name
        ]
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
