"""The dashboard's places and words, without Flower."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.dashboard import Place, default_state, readable_task
from tasks.errors import BadSettings


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (Place("127.0.0.1", 5555), "http://127.0.0.1:5555/"),
        (Place("0.0.0.0", 80, "flower"), "http://127.0.0.1:80/flower/"),
        (Place("::1", 5555), "http://[::1]:5555/"),
    ],
)
def test_where_a_browser_finds_it(place: Place, url: str) -> None:
    """An address that means all of them is asked for on this machine."""
    assert place.url == url


def test_a_taken_port_is_said_before_anything_starts() -> None:
    """With what to do about it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BadSettings, match=r"cannot listen on 127\.0\.0\.1:\d+ .*--port"):
            Place("127.0.0.1", other.getsockname()[1]).check()


def test_its_state_is_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_STATE_HOME is followed when it is absolute, as the specification says."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "oshiwake" / "dashboard"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state() == tmp_path / ".local" / "state" / "oshiwake" / "dashboard"


@pytest.mark.parametrize(
    ("result", "exception", "shown"),
    [
        ("'run 20261123-0412 chunk 1: 16 images, 16 embedded'", None, "16 images, 16 embedded"),
        ("'run 20261123-0412: 55 files, 2 assigned'", None, "55 files, 2 assigned"),
        (None, "RootNotVisible('no mount: /a')", "RootNotVisible: no mount: /a"),
        (None, "OSError(28, 'No space left on device')", "OSError: 28, 'No space left on device'"),
        (None, 'WorkerLostError("it\'s gone")', "WorkerLostError: it's gone"),
        (None, "odd", "odd"),
        (None, None, None),
    ],
)
def test_a_row_says_what_came_of_a_task(result: str | None, exception: str | None, shown: str | None) -> None:
    """In numbers, or why it failed."""
    assert readable_task(SimpleNamespace(result=result, exception=exception)).result == shown
