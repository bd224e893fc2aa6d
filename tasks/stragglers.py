"""An idle worker sends again what was lost or is in flight for too long (`tasks.in_flight`)."""

from __future__ import annotations

import logging
from typing import Any

from celery import signals
from celery.worker import state
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.celery_app import EMBED_QUEUE, REDUCE_QUEUE, settings
from tasks.in_flight import InFlight
from tasks.messages import EmbedMessage, ReduceMessage
from tasks.pass_progress import PassCounters
from tasks.sending import send_embed, send_reduce
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
    try:
        if EMBED_QUEUE in _queues:
            _send_chunks()
        if REDUCE_QUEUE in _queues:
            _send_passes()
    except (RedisError, OperationalError) as error:
        _log.warning("action=again error=%s", error)


def _send_chunks() -> None:
    for message in InFlight(redis_without_retry(), EMBED_QUEUE, EmbedMessage, settings.keep_s).overdue():
        _log.warning("action=again run=%s what=%s", message.run, message.what)
        # Whoever holds it is slow rather than dead, as far as anybody can know: that counts against no picture.
        PassCounters(redis_without_retry(), settings.keep_s).answered(message.run, message.number, message.what)
        send_embed(message)


def _send_passes() -> None:
    passes = InFlight(redis_without_retry(), REDUCE_QUEUE, ReduceMessage, settings.keep_s)
    for message in passes.overdue():
        _log.warning("action=again run=%s pass=%d", message.run, message.number)
        send_reduce(message, passes)
