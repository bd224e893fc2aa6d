"""An idle worker sends again what was lost or is in flight for too long (`tasks.ledger`)."""

from __future__ import annotations

import logging
from typing import Any

from celery import signals
from celery.worker import state
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.celery_app import settings
from tasks.ledger import Ledger
from tasks.queue_names import QueueName
from tasks.sending import send
from tasks.worker_context import redis_without_retry

__all__: list[str] = []

_log = logging.getLogger(__name__)

_processes = 0
"""How many tasks this worker can handle at once, once it is ready."""

_queues: frozenset[str] = frozenset()
"""Those it listens on."""


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _ready(sender: Any, **_: Any) -> None:
    global _processes, _queues
    _processes, _queues = sender.pool.num_processes, frozenset(queue.name for queue in sender.task_consumer.queues)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _leave(**_: Any) -> None:
    global _processes
    _processes = 0


@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _help(**_: Any) -> None:
    if len(state.active_requests) >= _processes:
        return
    ledger = Ledger(redis_without_retry(), settings.keep_s)
    try:
        for queue in _queues & {QueueName.EMBED, QueueName.REDUCE}:
            for message in ledger.overdue(queue):
                _log.warning("action=again message=%s", message.shown)
                send(message)
    except (RedisError, OperationalError) as error:
        _log.warning("action=again error=%s", error)
