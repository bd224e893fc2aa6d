"""Putting messages on the queues, by the tasks' names: who sends needs the message, not the task."""

from __future__ import annotations

from typing import Any

from tasks.application import app
from tasks.in_hand import InHand
from tasks.messages import AssignMessage, EmbedMessage, ReduceMessage, TrainMessage
from tasks.tries import FIRST, Tries

__all__ = ["send_assign", "send_embed", "send_reduce", "send_train"]


def send_embed(message: EmbedMessage, tries: Tries = FIRST, through: Any = None) -> None:
    """Put a chunk on the queue, through Celery's own connection or a given sender."""
    _send("oshiwake.embed", message, f"run {message.run} {message.what}", headers=tries.headers, producer=through)


def send_assign(message: AssignMessage) -> None:
    """Put a part of a pass on the queue."""
    _send("oshiwake.assign", message, f"run {message.run} pass {message.number} {message.what}")


def send_reduce(message: ReduceMessage, passes: InHand[ReduceMessage], through: Any = None) -> None:
    """Put a pass on the queue, through Celery's own connection or a given sender, and note that."""
    passes.sent(message)
    _send("oshiwake.reduce", message, f"run {message.run} pass {message.number}", producer=through)


def send_train(message: TrainMessage, attempt: int = 1, through: Any = None) -> None:
    """Put a trial on the queue, through Celery's own connection or a given sender."""
    _send("oshiwake.train", message, message.what, headers={"attempt": attempt}, producer=through)


def _send(
    task: str, message: EmbedMessage | AssignMessage | ReduceMessage | TrainMessage, shown: str, **options: Any
) -> None:
    """Send a task; Flower shows it as `shown`."""
    app.send_task(task, kwargs=message.model_dump(), argsrepr=shown, **options)
