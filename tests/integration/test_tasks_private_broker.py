"""The broker of a private run: nobody else on the machine can reach it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tasks.private_broker import private_broker
from tasks.redis_client import connect


def test_nobody_else_can_reach_it(tmp_path: Path) -> None:
    """It listens on no port, only on a socket of ours in a folder of ours; afterwards both are gone."""
    with private_broker(tmp_path / "broker.log") as broker:
        client: Any = connect(broker.url)
        assert client.config_get("port")["port"] == "0"
        pid = client.info("server")["process_id"]
        listening = [line.split() for name in ("tcp", "tcp6") for line in _table(pid, name)]
        assert not [row for row in listening if row[3] == "0A" and row[9] in _sockets(pid)]
        assert stat.S_IMODE(broker.folder.stat().st_mode) == 0o700
        places = [path for path in broker.folder.iterdir() if path.is_socket()]
        assert len(places) == 1 and stat.S_IMODE(places[0].stat().st_mode) & 0o077 == 0
    assert not broker.folder.exists()


RUN = """
import sys, time
from pathlib import Path
from tasks.private_broker import private_broker
with private_broker(Path(sys.argv[1])) as broker:
    print(broker.folder, flush=True)
    time.sleep(600)
"""


def test_the_folder_of_a_killed_run_is_swept_by_the_next(tmp_path: Path) -> None:
    """Producer and broker get SIGKILL, so neither can clean up; the folder of a run that lives stays."""
    env = os.environ | {"TMPDIR": tempfile.mkdtemp(prefix="t", dir="/tmp")}
    runs = [_start(tmp_path / "log", env) for _ in range(2)]
    try:
        folders = [_folder(run) for run in runs]
        client: Any = connect(f"redis+socket://{folders[0] / 'broker.sock'}")
        server = client.info("server")["process_id"]
        for pid in (_keeper(folders[0]), server, runs[0].pid):
            os.kill(pid, signal.SIGKILL)
        runs[0].wait()
        assert folders[0].exists() and folders[1].exists()
        runs.append(_start(tmp_path / "log", env))
        assert _folder(runs[2]).exists()
        assert not folders[0].exists() and (folders[1] / "broker.sock").exists()
        living: Any = connect(f"redis+socket://{folders[1] / 'broker.sock'}")
        assert living.ping()
    finally:
        for run in runs:
            run.terminate()  # its keeper ends with it
            run.communicate()
        shutil.rmtree(env["TMPDIR"], ignore_errors=True)


def _start(log: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, log], stdout=subprocess.PIPE, text=True, env=env)


def _folder(run: subprocess.Popen[str]) -> Path:
    """Where a run's broker lies, once it answers."""
    assert run.stdout is not None
    return Path(run.stdout.readline().strip())


def _keeper(folder: Path) -> int:
    """The process that keeps a broker."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if b"tasks.private_broker" in command and bytes(folder) in command:
                return int(process.name)
    raise AssertionError("the broker has no keeper")


def _table(pid: int, name: str) -> list[str]:
    return Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]


def _sockets(pid: int) -> set[str]:
    """The numbers of a process's sockets."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}
