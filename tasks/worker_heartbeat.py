"""A worker says that it lives: a key in Redis (`tasks.worker_registry`), renewed with each of Celery's heartbeats."""

from __future__ import annotations

import functools
import json
import logging
from typing import Any

from celery import signals
from redis.exceptions import RedisError

from tasks.fire_and_forget import FireAndForget
from tasks.worker_context import redis_without_retry
from tasks.worker_registry import PREFIX

__all__: list[str] = []

_ALIVE_S = 10
"""Celery's heartbeat comes every two seconds; five may be missed."""

_SILENT_S = 4.0
"""After so long without an answer the next beat goes by a new connection, well before the key expires."""

_log = logging.getLogger(__name__)


_description: dict[str, str] = {}
"""What this worker's key says, once it is ready: its one entry is the key's name."""


@functools.cache
def _connection() -> FireAndForget:
    return FireAndForget(redis_without_retry().connection_pool, _SILENT_S)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _ready(sender: Any, **_: Any) -> None:
    queues = sorted(queue.name for queue in sender.task_consumer.queues)
    value = json.dumps({"queues": queues, "processes": sender.pool.num_processes})
    _description[PREFIX + sender.hostname] = value
    _beat()


@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _beat(**_: Any) -> None:
    try:
        for key, value in _description.items():
            _connection().send(("SET", key, value, "EX", _ALIVE_S))
    except RedisError as error:
        _log.warning("action=heartbeat error=%s", error)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _leave(**_: Any) -> None:
    keys = list(_description)
    _description.clear()
    try:
        if keys:
            # By another connection: this runs as a signal is handled, perhaps in the midst of a beat.
            redis_without_retry().delete(*keys)
    except RedisError:
        pass  # the key expires by itself
