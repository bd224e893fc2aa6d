"""The lock of a run: one process holds it, others are told which, and its death ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from store.errors import DamagedStore, LockHeld
from store.location import lease, location, storage_of
from tests.objects import ObjectServer

HOLD = (
    "import sys; from store.location import location, storage_of; "
    "p = location(sys.argv[1]); h = storage_of(p).hold(p, 'it');"
)


def holding(path: str) -> subprocess.Popen[str]:
    """A process that holds a lock until it is killed."""
    code = f"{HOLD} h.__enter__(); print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, path],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    """By its number, its machine and the time; when it is killed, the lock is free at once."""
    path = tmp_path / "lock"
    assert storage_of(path).holder(path) is None
    with holding(str(path)) as process:
        try:
            who = f"process {process.pid} on {socket.gethostname()} since "
            assert (storage_of(path).holder(path) or "").startswith(who)
            with pytest.raises(LockHeld, match=f"it by process {process.pid} on"), storage_of(path).hold(path, "it"):
                pass
        finally:
            process.kill()
    assert storage_of(path).holder(path) is None
    with storage_of(path).hold(path, "it"):
        assert (storage_of(path).holder(path) or "").startswith(f"process {os.getpid()} on")
    assert storage_of(path).holder(path) is None


def test_whoever_only_looks_keeps_nobody_out(tmp_path: Path) -> None:
    """Looks may come at any moment, also when the lock is being taken."""
    path = tmp_path / "lock"
    path.touch()
    code = "import sys; from store.location.file_lock import holder\nwhile True: holder(sys.argv[1])"
    with subprocess.Popen([sys.executable, "-c", code, path], cwd=Path(__file__).parents[2]) as looking:
        try:
            for _ in range(300):
                with storage_of(path).hold(path, "it"):
                    pass
        finally:
            looking.kill()


def test_what_stands_in_the_file_does_not_reach_a_terminal(tmp_path: Path) -> None:
    """Whoever writes the store could put anything into it."""
    path = tmp_path / "lock"
    with storage_of(path).hold(path, "it"):
        path.write_bytes(b"\x1b[2J\xff\n" + b"x" * 10_000)
        told = storage_of(path).holder(path) or ""
        assert told.isprintable() and len(told) <= 512


@pytest.mark.parametrize(
    "make", [os.symlink, os.link, lambda other, path: os.mkfifo(path), lambda other, path: path.mkdir()]
)
def test_what_somebody_put_in_its_place_is_left_alone(make: Callable[[Path, Path], None], tmp_path: Path) -> None:
    """A link would lead to a file that the holder empties, and a pipe would let whoever looks wait for ever."""
    path, picture = tmp_path / "lock", tmp_path / "picture.png"
    picture.write_bytes(b"picture")
    make(picture, path)
    with pytest.raises(DamagedStore, match="lock: not a file of this program"), storage_of(path).hold(path, "it"):
        pass
    with pytest.raises(DamagedStore, match="lock: not a file of this program"):
        storage_of(path).holder(path)
    assert picture.read_bytes() == b"picture"


def test_in_object_storage_it_is_a_lease(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that lives is named; of one that was killed the lease is taken over, and until then seen to age."""
    monkeypatch.setattr(lease, "POLL_S", 0.05)
    path = location("s3://art/locks/one/listing.lock")
    assert storage_of(path).holder(path) is None
    with holding(str(path)) as process:
        try:
            assert (storage_of(path).holder(path) or "").startswith(f"process {process.pid} on {socket.gethostname()}")
            with pytest.raises(LockHeld, match=f"process {process.pid}"), storage_of(path).hold(path, "it"):
                pass
        finally:
            os.kill(process.pid, signal.SIGKILL)
    monkeypatch.setattr(lease, "LEFT_BEHIND_S", 1.0)
    with storage_of(path).hold(path, "it") as check:
        check()
        assert (storage_of(path).holder(path) or "").startswith(f"process {os.getpid()} on")
    assert storage_of(path).holder(path) is None
