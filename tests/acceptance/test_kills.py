"""Processes that die at named moments."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program
from tests.conftest import FILES, PLUGINS, layout, snapshot

REDUCER = ("link-1-before", "link-1-after", "link-9-after", "link-15-before", "mkdir-2-after", "replace-1-after")
MOVER = ("link-1-before", "link-1-after", "unlink-2-before", "unlink-3-after", "link-9-after", "replace-1-after")


@pytest.mark.parametrize(("mode", "points"), [("hardlink", REDUCER), ("move", MOVER)])
def test_a_reducer_killed_again_and_again_gives_the_same(
    program: Program, tmp_path: Path, mode: str, points: tuple[str, ...]
) -> None:
    """Killed at each of these moments, the reduction goes on by itself and ends like an undisturbed one."""
    c = program.collection
    before = snapshot(c.archive)
    program.sort()
    undisturbed = layout(c.output)
    program("undo")
    shutil.rmtree(c.store)
    kills = tmp_path / "kills"
    kills.mkdir()
    for point in points:
        (kills / point).touch()
    program.env.update({"PYTHONPATH": str(PLUGINS), "KILL_POINTS": str(kills), "KILL_QUEUE": "reduce"})
    status = program.json(*program.sort_args(), "--mode", mode, rc=1)
    assert not list(kills.iterdir()), "every moment was reached, and killed"
    assert status["summary"]["files"] == FILES
    assert layout(c.output) == undisturbed
    assert not [path for path in tmp_path.rglob(".oshiwake-*") if path.is_file()]
    program("undo")
    assert snapshot(c.archive) == before
