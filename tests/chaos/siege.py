"""One run under faults: watched over as a good operator would, until it ends, and then undone under faults too."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from store.errors import StoreError
from store.run import Run
from store.store import Store
from tasks.messages import EmbedMessage, ReduceMessage
from tasks.queue_client import Queue
from tasks.settings import Settings
from tests.chaos.faults import Fault
from tests.chaos.processes import Broker, Processes

__all__ = ["VISIBILITY_S", "Siege", "undo_under_fire"]

VISIBILITY_S = 30
"""Short, so that a run sees what otherwise takes an hour."""

_SILENT_S = 8.0
"""After so long without progress the operator says `producer resume`."""

_LIMIT_S = 600.0
_SCAN_S = 2.0
"""A producer of `enqueue` lives about so long."""

_UNDO_POINTS = ("commit", "unlink", "rmdir")
"""What every undo does; that of a move links as well."""


@dataclass
class Siege:
    """One run and what is done to it.

    Attributes:
        processes: Its processes.
        broker: The shared broker; None for a run of `producer run`, which brings its own.
        mode: How it places.
        faults: What is to be done; what was done leaves the list.
        workers: Plain Celery workers of a shared run, by name: the queue each listens on.
        twice: Every message comes twice, in another order.
    """

    processes: Processes
    broker: Broker | None
    mode: str
    faults: list[Fault]
    rng: random.Random
    workers: dict[str, str] = field(default_factory=dict)
    twice: bool = False
    struck: Counter[str] = field(default_factory=Counter)
    resumes: int = 0

    def __post_init__(self) -> None:
        self._store = Store(self.processes.collection.store)
        self._running: dict[str, Any] = {}
        self._producer: Any = None
        self._producer_since_s = 0.0
        self._chunks = 0
        self._seen: tuple[int, ...] = ()
        self._seen_s = time.monotonic()
        self._thaw: list[tuple[float, int]] = []
        self._points = {fault.point: fault for fault in self.faults if fault.point}

    def carry_through(self, chunks: int) -> Run:
        """Go on until the run has its outcome; `chunks` is how many an undisturbed run has."""
        self._chunks = chunks
        for point in self._points:
            (self.processes.folder / "kills" / point).touch()
        deadline = time.monotonic() + _LIMIT_S
        c = self.processes.collection
        command = "run" if self.broker is None else "enqueue"
        args = [c.archive, "--references", c.references, "--output", c.output, "--mode", self.mode]
        first = [command, *args] + ([] if self.broker is None else ["--no-worker-check"])
        self._start_producer(*first)
        while (run := self._done()) is None:
            assert time.monotonic() < deadline, f"not within {_LIMIT_S:.0f} s: the run is done; see {c.store}"
            self._supervise(first)
            self._strike()
            time.sleep(0.02)
        self._calm_down()
        return run

    def _run(self) -> Run | None:
        try:
            return self._store.latest()
        except StoreError:
            return None

    def _done(self) -> Run | None:
        run = self._run()
        return run if run is not None and run.last_pass.summary is not None else None

    def _start_producer(self, *args: Any) -> None:
        self._producer = self.processes.start("producer", *args)
        self._producer_since_s = time.monotonic()
        self._seen_s = time.monotonic()

    def _supervise(self, first: list[Any]) -> None:
        """Start again what has ended, and resume a run that stands still."""
        now = time.monotonic()
        for pid in [pid for due_s, pid in self._thaw if due_s <= now]:
            self._send(pid, signal.SIGCONT)
        self._thaw = [(due_s, pid) for due_s, pid in self._thaw if due_s > now]
        for name, queue in self.workers.items():
            if name not in self._running or self._running[name].poll() is not None:
                self._running[name] = self.processes.start_worker(queue, name)
        seen = self._progress()
        if seen != self._seen:
            self._seen, self._seen_s = seen, now
        ended = self._producer.poll()
        failed = ended is not None and (ended != 0 or self.broker is None)
        silent = self.broker is not None and ended is not None and now - self._seen_s > _SILENT_S
        if failed or silent:
            run = self._run()
            if run is None:
                self._start_producer(*first)
            else:
                self.resumes += 1
                self._start_producer("resume", run.id)
        if self.twice and self.broker is not None and ended == 0:
            self._send_twice()

    def _send_twice(self) -> None:
        """All chunks once more, in any order, and the reduction twice."""
        self.twice = False
        run = self._run()
        assert run is not None and self.broker is not None
        queue = Queue(Settings(OSHIWAKE_BROKER_URL=self.broker.url))  # type: ignore[call-arg]
        messages = [
            EmbedMessage(run=run.id, number=1, part=part, chunk=chunk)
            for part in ("archive", "passes/1/references")
            for chunk in self._store.part(f"{run.id}/{part}").listed_chunks()
        ]
        self.rng.shuffle(messages)
        for message in messages:
            queue.send(message)
        for _ in range(2):
            queue.send(ReduceMessage(run=run.id, number=1))
        self.struck["every message twice, in any order"] += 1

    def _progress(self) -> tuple[int, ...]:
        run = self._run()
        if run is None:
            return ()
        folders = (run.folder / "archive" / "shards", run.folder / "passes" / "1" / "assignments")
        return tuple(len(list(folder.glob("*.parquet"))) if folder.exists() else 0 for folder in folders)

    def _strike(self) -> None:
        kills = self.processes.folder / "kills"
        for point, fault in list(self._points.items()):
            if not (kills / point).exists():
                del self._points[point]
                self._note(fault)
        for fault in self.faults:
            if not fault.point and self._is_due(fault) and self._do(fault):
                self._note(fault)
                return

    def _note(self, fault: Fault) -> None:
        self.faults.remove(fault)
        self.struck[fault.name] += 1

    def _is_due(self, fault: Fault) -> bool:
        if "producer" in fault.name:
            alive = self._producer.poll() is None
            return alive and time.monotonic() - self._producer_since_s > fault.at * _SCAN_S + fault.jitter_s
        shards, placed = self._seen or (0, 0)
        if "embed" in fault.name:
            return fault.at * self._chunks <= shards < self._chunks
        if "reduce" in fault.name:
            return placed > fault.at * self._chunks * 0.9
        return shards + placed >= fault.at * self._chunks * 2

    def _do(self, fault: Fault) -> bool:
        """Do it; False when its victim does not live now."""
        time.sleep(fault.jitter_s / 4)
        action, victim, *_ = fault.name.replace(",", "").split()
        if victim == "broker" and self.broker is not None:
            if action == "freeze":
                self.broker.freeze(VISIBILITY_S + 3)
            else:
                self.broker.stop(signal.SIGKILL if action == "kill" else signal.SIGTERM)
                time.sleep(fault.jitter_s)
                self.broker.start(empty="empty" in fault.name)
            return True
        if action == "freeze" and victim != "broker":
            pids = self.processes.find(victim)[:1]
            for pid in pids:
                self._send(pid, signal.SIGSTOP)
                self._thaw.append((time.monotonic() + VISIBILITY_S + 12, pid))
            return bool(pids)
        return action != "freeze" and self.processes.strike(victim)

    def _send(self, pid: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def _calm_down(self) -> None:
        """Let what is still under way come to its end."""
        for point in self._points:
            (self.processes.folder / "kills" / point).unlink(missing_ok=True)
        for _, pid in self._thaw:
            self._send(pid, signal.SIGCONT)
        self._producer.wait(120)
        for worker in self._running.values():
            worker.terminate()
        for worker in self._running.values():
            worker.wait(120)
        if self.broker is not None:
            try:
                self.broker.client.flushall()
            except RedisError as error:
                raise AssertionError("the broker is gone") from error


def undo_under_fire(processes: Processes, run: Run, rng: random.Random, kills: int) -> int:
    """Undo a run, with so many kills at points of the way; return how many came."""
    folder = processes.folder / "kills"
    placed = len(list(processes.collection.output.rglob("*.png")))
    points = (*_UNDO_POINTS, "link") if run.last_pass.spec.mode == "move" else _UNDO_POINTS
    for _ in range(kills):
        what = rng.choice(points)
        calls = 4 if what in ("commit", "rmdir") else max(2, placed)
        (folder / f"{what}-{rng.randint(1, calls)}-{rng.choice(('before', 'after'))}").touch()
    struck = 0
    for _ in range(kills + 1):
        before = len(list(folder.iterdir()))
        code = processes.start("undo", "undo", run.id, KILL_QUEUE="undo").wait(180)
        struck += before - len(list(folder.iterdir()))
        if code == 0:
            break
        assert code == -signal.SIGKILL, f"undo ended with exit code {code}"
    else:
        raise AssertionError("undo does not end")
    for point in folder.iterdir():
        point.unlink()
    return struck
