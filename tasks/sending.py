"""Putting messages on the queues, by the tasks' names: who sends needs the message, not the task."""

from __future__ import annotations

from typing import Any

from tasks.celery_app import app
from tasks.ledger import Ledger
from tasks.messages import Message, RunMessage

__all__ = ["enqueue", "send"]


def enqueue(message: RunMessage, ledger: Ledger, through: Any = None) -> None:
    """Note that a message is queued, and send it."""
    ledger.queued(message)
    send(message, producer=through)


def send(message: Message, **options: Any) -> None:
    """Put a message on its queue; the ledger knows of it already."""
    app.send_task(message.task, kwargs=message.model_dump(), argsrepr=message.shown, **options)
