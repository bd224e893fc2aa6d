"""`producer worker`: put this machine to work for the queue."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from producer import options as o

__all__ = ["worker"]

_GRACE_S = 300.0
"""A chunk takes seconds to minutes; a worker that is killed instead keeps its chunk from others for an hour."""


def worker(
    queues: Annotated[
        list[o.QueueChoice] | None,
        typer.Option("--queues", "-Q", help="Queue to listen on; may be repeated. Default: both."),
    ] = None,
    processes: o.Processes = 0,
    store: o.StorePath = None,
) -> None:
    """Work for the queue: one process pinned to each GPU, or one per core without; and one that reduces."""
    from producer.session import Session
    from tasks.fleet import plan_workers, running_workers

    session = Session(store)
    session.checked_queue()
    chosen = [queue.value for queue in queues or [o.QueueChoice.embed, o.QueueChoice.reduce]]
    plans = plan_workers(session.settings, chosen, processes=processes)
    folder = session.store.logs
    for plan in plans:
        session.say(f"worker {plan.name}: queue {plan.queue}, processes {plan.processes}")
    with running_workers(plans, session.settings, folder, logs=False, grace_s=_GRACE_S) as children:
        try:
            while True:
                for child in children:
                    child.check()
                time.sleep(1.0)
        except (KeyboardInterrupt, SystemExit):
            session.say("stopping; the chunks in hand are finished first (Ctrl-C again: at once)")
            raise
