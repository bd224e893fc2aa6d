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
    # These would override the address given here, which a private broker needs. The settings have read them. An address
    # for results is unused, and could only fail and show its password.
    for variable in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND"):
        os.environ.pop(variable, None)
    install()
    app = Celery("oshiwake", broker=settings.broker_url)
    transport: dict[str, Any] = {
        "visibility_timeout": settings.visibility_s,
        # Detect dead connections: Celery by the first and third, the system by the second.
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
        # Acknowledge a chunk when it is done: the chunk of a dead worker is delivered again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # The task sends a failed chunk again; one that timed out is delivered again.
        task_acks_on_failure_or_timeout=False,
        # A busy worker must not hoard chunks that an idle one could take.
        worker_prefetch_multiplier=settings.prefetch,
        worker_concurrency=embed_processes(settings),
        # Celery reads the timeout in several places; all must agree.
        broker_transport_options=transport,
        visibility_timeout=settings.visibility_s,
        broker_connection_retry_on_startup=True,
        # A task that ends while the connection is lost cannot be acknowledged; it is delivered again and found done.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # A result is a line for Flower, which gets it from the events; Redis stores none.
        task_ignore_result=True,
        task_track_started=True,
        worker_send_task_events=True,
        task_send_sent_event=True,
        # SIGTERM finishes the chunk in flight; SIGQUIT puts it back. Celery's soft shutdown would always wait for its
        # whole time; `tasks.worker_processes` does not.
        worker_soft_shutdown_timeout=0.0,
        timezone="UTC",
    )
    return app


settings = read_settings()
app = _make_app(settings)
