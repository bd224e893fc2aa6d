"""What is done to a run, and when: drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Fault", "draw_faults"]

POINTS = ("commit", "link", "symlink", "rename", "replace", "unlink", "mkdir")
"""What a reducer does between journal and journal: `commit` is the journal's own, before and after each batch."""

_POINTS_OF = {
    "hardlink": ("commit", "link", "mkdir", "replace"),
    "symlink": ("commit", "symlink", "mkdir", "replace"),
    "copy": ("commit", "link", "unlink", "mkdir", "replace"),
    "move": ("commit", "link", "unlink", "mkdir", "replace"),
}

_FEW = {"mkdir": 4, "replace": 6}
"""These moments come a few times in a reduction; the others once for each picture, `commit` twice for each batch."""

_TIMED = {
    "kill producer": 11,
    "kill embed-child": 10,
    "kill embed-parent": 10,
    "kill reduce-child": 8,
    "kill reduce-parent": 8,
    "kill broker, restart with its data": 5,
    "stop broker, restart with its data": 4,
    "kill broker, restart empty": 6,
    "freeze broker": 5,
    "freeze embed-child": 2,
}
"""Faults at a random moment, and how often of a hundred; the rest are kill points of the placing loop."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: What is done; a kill at a point is named like `reducer at link-before`.
        point: The kill point's file name, for a reducer that kills itself.
        at: For the others: at which part of the work of its victim, 0..1.
        jitter_s: And how much later.
    """

    name: str
    point: str = ""
    at: float = 0.0
    jitter_s: float = 0.0


def draw_faults(rng: random.Random, count: int, mode: str, chunks: int, pictures: int) -> list[Fault]:
    """Faults for one run, timed ones in the order of their moments."""
    faults = [_draw(rng, mode, chunks, pictures) for _ in range(count)]
    return sorted(faults, key=lambda fault: fault.at)


def _draw(rng: random.Random, mode: str, chunks: int, pictures: int) -> Fault:
    names = [*_TIMED, "point"]
    name = rng.choices(names, [*_TIMED.values(), 100 - sum(_TIMED.values())])[0]
    if name != "point":
        return Fault(name, at=rng.random(), jitter_s=rng.random() * 0.8)
    what = rng.choice(_POINTS_OF[mode])
    calls = _FEW.get(what, 2 * chunks if what == "commit" else pictures)
    when = rng.choice(("before", "after"))
    return Fault(f"kill reducer {when} {what}", f"{what}-{rng.randint(1, calls)}-{when}")
