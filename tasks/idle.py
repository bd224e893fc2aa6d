"""A worker that has nothing to do helps: it sends again what others have had in hand for too long (`tasks.in_hand`)."""

from __future__ import annotations

import logging
from typing import Any

from celery import signals
from celery.worker import state
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.application import EMBED_QUEUE, settings
from tasks.in_hand import InHand
from tasks.process import impatient_redis
from tasks.progress import Progress
from tasks.send import send_embed

__all__: list[str] = []

_log = logging.getLogger(__name__)

_processes = 0
"""How many chunks this worker can handle at once, once it is ready."""


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _ready(sender: Any, **_: Any) -> None:
    global _processes
    if any(queue.name == EMBED_QUEUE for queue in sender.task_consumer.queues):
        _processes = sender.pool.num_processes


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _leave(**_: Any) -> None:
    global _processes
    _processes = 0


@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _help(**_: Any) -> None:
    if len(state.active_requests) >= _processes:
        return
    try:
        for message in InHand(impatient_redis(), EMBED_QUEUE, settings.keep_s).overdue():
            _log.warning("action=again run=%s what=%s", message.run, message.what)
            # Whoever holds it is slow rather than dead, as far as anybody can know: that counts against no picture.
            Progress(impatient_redis(), settings.keep_s).answered(message.run, message.number, message.what)
            send_embed(message)
    except (RedisError, OperationalError) as error:
        _log.warning("action=again error=%s", error)
