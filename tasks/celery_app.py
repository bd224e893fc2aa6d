"""The one Celery application: queues, policies, and what a worker does when it starts.

The reasons for the settings stand beside them; where they come from is in docs/decisions/0003-queue.md.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from kombu.entity import Queue

from tasks.devices import embed_processes
from tasks.messages import MESSAGES
from tasks.queue_names import QueueName
from tasks.redis_client import KEEPALIVE
from tasks.settings import Settings, read_settings
from tasks.transport import install

__all__ = ["app", "settings"]


def _make_app(settings: Settings) -> Celery:
    # Celery lets these go before the address given here; the settings have read them, and a private broker must stand.
    # Results are kept nowhere: an address for them could only fail, and show its password.
    for variable in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND"):
        os.environ.pop(variable, None)
    install()
    app = Celery("oshiwake", broker=settings.broker_url)
    transport: dict[str, Any] = {
        "visibility_timeout": settings.visibility_s,
        # A link that was cut without a word: Celery notices a silent socket by the first and third, the system a
        # dead one by the second. Without them a worker would stay connected, and idle, for ever.
        "health_check_interval": 10,
        "socket_keepalive": True,
        "socket_timeout": 30,
        "socket_connect_timeout": 10,
    }
    if not settings.broker_url.startswith("redis+socket:"):
        transport["socket_keepalive_options"] = KEEPALIVE
    app.conf.update(
        include=[
            "tasks.embed",
            "tasks.assign",
            "tasks.reduce",
            "tasks.worker_heartbeat",
            "tasks.stragglers",
            "tasks.log_escaping",
        ],
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_queues=[Queue(name) for name in QueueName],  # type: ignore[no-untyped-call]
        task_default_queue=QueueName.EMBED,
        task_routes={kind.task: {"queue": kind.queue} for kind in MESSAGES.values()},
        worker_consumer="tasks.consumer:Consumer",
        # A chunk belongs to the worker only once it is done: a worker that dies gives it back.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A chunk that failed is sent again by its task; one that ran out of time is delivered again.
        task_acks_on_failure_or_timeout=False,
        # A busy worker must not hoard chunks that an idle one could take.
        worker_prefetch_multiplier=settings.prefetch,
        worker_concurrency=embed_processes(settings),
        # Celery reads the timeout in several places; all must agree.
        broker_transport_options=transport,
        visibility_timeout=settings.visibility_s,
        broker_connection_retry_on_startup=True,
        # What finished while the connection was lost is acknowledged by nobody; it comes again and is found done.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # A result is one line for Flower, which takes it from the events; the files in the store are the truth, and
        # nothing piles up in Redis.
        task_ignore_result=True,
        task_track_started=True,
        worker_send_task_events=True,
        task_send_sent_event=True,
        # On SIGTERM the chunk in hand is finished, however long that takes; on SIGQUIT it goes back to the queue.
        # Celery's soft shutdown in between waits for its whole time, also with nothing left to do;
        # `tasks.worker_processes` does not.
        worker_soft_shutdown_timeout=0.0,
        timezone="UTC",
    )
    return app


settings = read_settings()
app = _make_app(settings)
