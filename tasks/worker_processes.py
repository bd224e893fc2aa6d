"""The worker processes of one machine: which, and started and stopped together."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from store.location import location
from tasks.child_process import ChildProcess
from tasks.devices import cores, embed_gpus, embed_processes
from tasks.queue_names import QueueName
from tasks.settings import Settings

__all__ = ["WorkerPlan", "plan_workers", "running_workers"]


@dataclass(frozen=True)
class WorkerPlan:
    """One Celery worker to start.

    Attributes:
        name: The part of its name before the `@`; it names the device.
        queue: The queue it listens on.
        processes: How many tasks it handles at once.
        env: What differs in its environment.
    """

    name: str
    queue: QueueName
    processes: int
    env: dict[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        """The Celery command line that starts it."""
        worker = [sys.executable, "-m", "celery", "-A", "tasks", "--quiet", "worker", "--loglevel", "INFO"]
        options = ["--queues", self.queue, "--concurrency", str(self.processes), "--hostname", f"{self.name}@%h"]
        return [*worker, *options, "--pool", "prefork"]


def plan_workers(settings: Settings, queues: Sequence[QueueName], *, processes: int = 0) -> list[WorkerPlan]:
    """The workers that suit this machine: one pinned to each GPU, else one with a process per core; one reducer.

    Args:
        settings: Device and environment.
        queues: The queues to listen on.
        processes: Embedding processes for each GPU, or on a machine without one; 0 chooses one for each GPU, or core.

    Raises:
        BadSettings: The settings ask for a GPU, and there is none.
    """
    plans: list[WorkerPlan] = []
    devices = embed_gpus(settings) if QueueName.EMBED in queues else []
    if QueueName.EMBED in queues and devices:
        each = processes or 1  # a second one decodes while the first writes its shard and asks for its next chunk
        threads = settings.decode_threads or max(1, cores() // (each * len(devices)))
        for name, device in _named(devices):
            env = {"CUDA_VISIBLE_DEVICES": device, "OSHIWAKE_DECODE_THREADS": str(threads)}
            plans.append(WorkerPlan(f"embed-cuda{name}", QueueName.EMBED, each, env))
    elif QueueName.EMBED in queues:
        plans.append(WorkerPlan("embed-cpu", QueueName.EMBED, processes or embed_processes(settings)))
    if QueueName.REDUCE in queues:
        # A pass that waits behind another one's hours in the same process would be taken for lost.
        plans.append(WorkerPlan("reduce", QueueName.REDUCE, 1, {"OSHIWAKE_DEVICE": "cpu", "OSHIWAKE_PREFETCH": "1"}))
    return plans


@contextlib.contextmanager
def running_workers(
    plans: Sequence[WorkerPlan],
    settings: Settings,
    folder: Path,
    *,
    logs: bool,
    grace_s: float,
    hand_back_s: float = 0.0,
    at_our_death: signal.Signals = signal.SIGTERM,
) -> Iterator[list[ChildProcess]]:
    """Start workers; stop them all at the end, also when something goes wrong in between.

    Args:
        plans: What to start.
        settings: The broker and the store that they use.
        folder: Their working folder.
        logs: Write a log file for each into the folder, instead of to standard error.
        grace_s: How long a worker may take to finish what it has in hand; a second interrupt cuts that short.
        hand_back_s: How long it may then take to put that back in the queue, before it is killed.
        at_our_death: The signal that they get when this process dies.
    """
    base = {"OSHIWAKE_BROKER_URL": settings.broker_url, "OSHIWAKE_STORE": str(location(settings.store))}
    children: list[ChildProcess] = []
    with contextlib.ExitStack() as killing:  # of all of them, also when what comes before is interrupted
        for plan in plans:
            log = folder / f"{plan.name}.log" if logs else None
            env = {**base, **plan.env}
            name, command = f"worker {plan.name}", plan.command()
            children.append(ChildProcess(name, command, folder=folder, log=log, env=env, at_our_death=at_our_death))
            killing.callback(children[-1].kill)
        try:
            yield children
        finally:
            for child in children:
                child.ask_to_stop()
            _wait(children, grace_s)
            if hand_back_s:
                for child in children:
                    child.ask_to_requeue()
                _wait(children, hand_back_s)


def _named(devices: Sequence[str]) -> list[tuple[str, str]]:
    """Each device after a short name: its number; of a UUID, as drivers and Kubernetes give it, the first group.

    Where two would be alike, as parts of one GPU may be (`MIG-GPU-<uuid>/1/0`), their place follows.
    """
    short = [device if device.isdigit() else "-" + "-".join(device.split("-")[:2]) for device in devices]
    names = [name if short.count(name) == 1 else f"{name}-{place}" for place, name in enumerate(short)]
    return list(zip(names, devices, strict=True))


def _wait(children: Sequence[ChildProcess], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    for child in children:
        child.wait(deadline)
