"""Putting messages on the queues, by the tasks' names: who sends needs the message, not the task."""

from __future__ import annotations

from typing import Any

from tasks.celery_app import app
from tasks.in_flight import InFlight
from tasks.messages import AssignMessage, EmbedMessage, Message, ReduceMessage, TrainMessage
from tasks.retry_policy import FIRST, Attempts

__all__ = ["send_assign", "send_embed", "send_reduce", "send_train"]


def send_embed(message: EmbedMessage, tries: Attempts = FIRST, through: Any = None) -> None:
    """Put a chunk on the queue, through Celery's own connection or a given sender."""
    _send(message, headers=tries.headers, producer=through)


def send_assign(message: AssignMessage) -> None:
    """Put a part of a pass on the queue."""
    _send(message)


def send_reduce(
    message: ReduceMessage, passes: InFlight[ReduceMessage], tries: Attempts = FIRST, through: Any = None
) -> None:
    """Put a pass on the queue, through Celery's own connection or a given sender, and note that."""
    passes.sent(message)
    _send(message, headers=tries.headers, producer=through)


def send_train(message: TrainMessage, attempt: int = 1, through: Any = None) -> None:
    """Put a trial on the queue, through Celery's own connection or a given sender."""
    _send(message, headers={"attempt": attempt}, producer=through)


def _send(message: Message, **options: Any) -> None:
    app.send_task(message.task, kwargs=message.model_dump(), argsrepr=message.shown, **options)
