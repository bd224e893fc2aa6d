"""A local cluster: a private broker and the workers that suit this machine, for as long as a run needs them."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

from store.run import Run
from tasks.child_process import ChildProcess
from tasks.private_broker import private_broker
from tasks.queue_client import Queue
from tasks.queue_names import QueueName
from tasks.settings import Settings
from tasks.worker_processes import plan_workers, running_workers

__all__ = ["LocalCluster", "local_cluster"]


_GRACE_S = 5.0
"""How long workers may finish their current chunk. What they do not finish, `producer resume` does again."""


_PATIENCE_S = 10.0
"""How long workers wait for the private broker: it ends with its producer and does not come back."""


@dataclass(frozen=True)
class LocalCluster:
    """A running private broker with its workers.

    Attributes:
        queue: The broker, as the producer sees it.
        settings: The settings with the broker's address.
        children: The processes, for `progress_view.watch`.
    """

    queue: Queue
    settings: Settings
    children: list[ChildProcess]


@contextlib.contextmanager
def local_cluster(run: Run, settings: Settings, *, processes: int = 0) -> Iterator[LocalCluster]:
    """Start a broker and workers for one run, and stop them at the end, however the block ends.

    Raises:
        FleetFailed: One of them does not start.
    """
    with private_broker(run.logs / "broker.log") as broker:
        own = settings.model_copy(update={"broker_url": broker.url})
        # A killed process leaves temporary folders of libraries behind; these go with the broker's folder.
        scratch = {"TMPDIR": str(broker.folder), "OSHIWAKE_PATIENCE_S": str(_PATIENCE_S)}
        plans = [
            replace(plan, env=plan.env | scratch)
            for plan in plan_workers(own, [QueueName.EMBED, QueueName.REDUCE], processes=processes)
        ]
        run.note_broker(broker.url)
        try:
            # Celery waits for its broker in several places when it is asked to stop, but this broker dies with us.
            death = signal.SIGKILL
            with running_workers(plans, own, run.logs, logs=True, grace_s=_GRACE_S, at_our_death=death) as workers:
                yield LocalCluster(Queue(own), own, [broker.process, *workers])
        finally:
            run.note_broker(None)
