"""A worker says that it lives (`tasks.worker_registry`), with each of Celery's heartbeats."""

from __future__ import annotations

import functools
import logging
from typing import Any

from celery import signals
from redis.exceptions import RedisError

from tasks.transport import FireAndForget
from tasks.worker_context import redis_without_retry
from tasks.worker_registry import LiveWorker, beat, leave

__all__: list[str] = []

_SILENT_S = 4.0
"""After so long without an answer the next beat goes by a new connection, well before the worker is given up."""

_log = logging.getLogger(__name__)

_self: LiveWorker | None = None
"""This worker, once it is ready and until it stops."""


@functools.cache
def _connection() -> FireAndForget:
    return FireAndForget(redis_without_retry().connection_pool, _SILENT_S)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _ready(sender: Any, **_: Any) -> None:
    global _self
    queues = tuple(sorted(queue.name for queue in sender.task_consumer.queues))
    _self = LiveWorker(sender.hostname, queues, sender.pool.num_processes)
    _beat()


@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _beat(**_: Any) -> None:
    try:
        if _self is not None:
            _connection().send(beat(_self))
    except RedisError as error:
        _log.warning("action=heartbeat error=%s", error)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _leave(**_: Any) -> None:
    global _self
    worker, _self = _self, None
    try:
        if worker is not None:
            # By another connection: this runs as a signal is handled, perhaps in the midst of a beat.
            leave(redis_without_retry(), worker)
    except RedisError:
        pass  # it is given up by itself
