"""The progress of a run on a terminal."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import pytest
from rich.console import Console

from producer.progress_view import ProgressView
from producer.status import RunState, RunStatus

EMBEDDING = RunStatus("20261123-0412-k7m2p", RunState.EMBEDDING, "/archive", "/sorted", to_read=100, remaining=100)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds pass between any two looks."""
    ticks = itertools.count(step=2)
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))


def shown(*statuses: RunStatus) -> str:
    """All that a terminal was sent."""
    file = io.StringIO()
    view = ProgressView(Console(file=file, force_terminal=True, color_system=None, width=120))
    with view.open():
        for status in statuses:
            view.show(status)
    return file.getvalue()


def test_there_is_a_rate_before_the_queue_knows_one() -> None:
    """The first chunk that is done gives one, and the time left; nothing is said before that."""
    assert "/s" not in shown(EMBEDDING)
    text = shown(EMBEDDING, replace(EMBEDDING, embedded=40, remaining=60))
    assert "40/100" in text and "/s, " in text and " left" in text
    assert "7.5/s, 8 s left" in shown(replace(EMBEDDING, images_per_s=7.5, remaining=60))


def test_placing_has_a_bar() -> None:
    """Chunks, and the time that the others take; a new phase begins to count anew."""
    placing = replace(EMBEDDING, state=RunState.REDUCING, embedded=100, remaining=0)
    assert "0/?" in shown(EMBEDDING, placing), "the total of the pictures is not that of the chunks"
    text = shown(EMBEDDING, placing, replace(placing, reduced=(1, 8)), replace(placing, reduced=(4, 8)))
    assert "assigning and placing (chunks)" in text and "4/8" in text and " left" in text
