"""Temporary folders: of the dead they are swept, of the living and of strangers they are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store.temporary_folders import Scratch, hold_scratch, sweep_scratch
from tests.unit.trees import put

MAKER = """
import sys, time
from store.temporary_folders import Scratch
scratch = Scratch(sys.argv[1])
(scratch.path / "deep").mkdir()
(scratch.path / "deep" / "dump").write_bytes(b"left")
print(scratch.path, flush=True)
time.sleep(600)
"""
HOLDER = """
import sys, time
from pathlib import Path
from store.temporary_folders import hold_scratch
held = hold_scratch(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def start(program: str, argument: Path) -> tuple[subprocess.Popen[str], str]:
    """A process, and the line that it says."""
    process = subprocess.Popen([sys.executable, "-c", program, argument], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_the_folder_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    """Not while it lives, nor while a process lives that it started to use the folder."""
    maker, folder = start(MAKER, tmp_path)
    holder, _ = start(HOLDER, Path(folder))
    for process in (maker, holder):
        sweep_scratch(str(tmp_path))
        assert (Path(folder) / "deep" / "dump").exists()
        kill(process)
    sweep_scratch(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_is_never_swept(tmp_path: Path) -> None:
    """Folders of a person that are called alike, links to folders, and what has another name."""
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere / "in-use.lock")
    for name in ("oshiwake-demo", "oshiwake-pictures", "oshiwake-mine1234"):
        put(tmp_path / name / "a.png")
    put(tmp_path / "oshiwake-demo" / "in-use.lock")
    (tmp_path / "oshiwake-link1234").symlink_to(elsewhere)
    (tmp_path / "oshiwake-lock1234").mkdir()
    (tmp_path / "oshiwake-lock1234" / "in-use.lock").symlink_to(elsewhere / "in-use.lock")
    (tmp_path / "oshiwake-pipe1234").mkdir()
    os.mkfifo(tmp_path / "oshiwake-pipe1234" / "in-use.lock")
    before = sorted(tmp_path.rglob("*"))
    sweep_scratch(str(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder another user's")
def test_the_folder_of_another_user_is_never_swept(tmp_path: Path) -> None:
    """Although root may."""
    maker, folder = start(MAKER, tmp_path)
    kill(maker)
    os.chown(folder, 12345, 12345)
    sweep_scratch(str(tmp_path))
    assert Path(folder).exists()


def test_a_folder_swept_under_its_maker_is_made_anew(tmp_path: Path) -> None:
    """Between its making and the lock: holding it tells."""
    assert hold_scratch(tmp_path / "gone") is None


def test_a_folder_goes_when_it_is_no_longer_needed(tmp_path: Path) -> None:
    """And nobody else may enter it meanwhile."""
    with Scratch(str(tmp_path)) as scratch:
        assert scratch.path.stat().st_mode & 0o077 == 0
        put(scratch.path / "deep" / "file")
    assert list(tmp_path.iterdir()) == []
    scratch.remove()
    sweep_scratch(str(tmp_path / "gone"))
