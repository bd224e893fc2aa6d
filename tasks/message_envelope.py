"""What reaches a worker through the broker, built anew from the few things that a worker has to know of it.

Whoever reaches the broker can write any message, and Celery acts on much of what a message carries: time limits, times
to wait or to expire, callbacks, compression, where to reply. None of that is ours. So a message for one of our queues
is taken apart before Celery sees it, its fields are checked, and a new one is made of them; all else is left out. The
same is done with commands to workers: those that only look are passed on, without arguments.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from tasks.errors import BadMessage
from tasks.messages import MESSAGES, Message, decode_message
from tasks.queue_names import QueueName

__all__ = ["COMMANDS", "rebuilt"]

COMMANDS = frozenset("active active_queues conf enable_events ping registered reserved revoked scheduled stats".split())
"""What workers answer to: what Flower's pages ask for, and `celery inspect ping`. For `conf` see `tasks.consumer`."""

_LARGEST = 64 << 10
"""Characters of a body; ours have a few hundred."""

_LONGEST_NAME = 255
_JSON = ("application/json", "utf-8", "base64")
_PIDBOX = ".pidbox"


def rebuilt(payload: Any, queue: str) -> Any:
    """A message as a worker may see it; of a queue that is not ours, such as an event's, the message itself.

    Raises:
        BadMessage: It is refused. The text says why.
    """
    try:
        if queue in set(QueueName):
            return _task(payload, queue)
        # The queue of a worker for commands; answers to them come by queues named after nobody.
        return _command(payload) if queue.endswith(_PIDBOX) and "@" in queue else payload
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BadMessage(f"not a message of Celery's form ({type(error).__name__})") from error


def _task(payload: Any, queue: str) -> dict[str, Any]:
    headers, properties = payload["headers"], payload["properties"]
    kind = MESSAGES.get(headers["task"])
    if kind is None or kind.queue != queue:
        raise BadMessage("no task of this queue")
    args, fields, _ = _body(payload)
    if args != [] or not isinstance(fields, dict):
        raise BadMessage("arguments of another form")
    message: Message = decode_message(kind, fields)
    again = headers.get("redelivered") is True or properties["delivery_info"].get("redelivered") is True
    number = _uuid(headers.get("id"))
    return _envelope(
        [[], message.model_dump(), {"callbacks": None, "errbacks": None, "chain": None, "chord": None}],
        {
            "lang": "py",
            "task": kind.task,
            "id": number,
            "root_id": number,
            "parent_id": None,
            "group": None,
            "argsrepr": message.shown,
            "kwargsrepr": "{}",
            "retries": 0,
            "timelimit": [None, None],
            "eta": None,
            "expires": None,
            "ignore_result": True,
            "redelivered": again,
        },
        {"exchange": "", "routing_key": queue, "redelivered": again},
        number,
    )


def _command(payload: Any) -> dict[str, Any]:
    body = _body(payload)
    method, to = body["method"], body.get("destination")
    if method not in COMMANDS:
        raise BadMessage("no command that workers answer to")
    if to is not None and not (isinstance(to, list) and all(isinstance(name, str) for name in to)):
        raise BadMessage("a command to nobody")
    command: dict[str, Any] = {"method": method, "arguments": {}, "destination": to}
    if body.get("reply_to"):
        reply_to = {name: _text(body["reply_to"][name]) for name in ("exchange", "routing_key")}
        command |= {"reply_to": reply_to, "ticket": _uuid(body.get("ticket"))}
    return _envelope(command, {}, {"exchange": "", "routing_key": ""}, str(uuid.uuid4()))


def _body(payload: Any) -> Any:
    body = payload["body"]
    if (payload["content-type"], payload["content-encoding"], payload["properties"]["body_encoding"]) != _JSON:
        raise BadMessage("its content is of a type that is not allowed")
    if len(body) > _LARGEST:
        raise BadMessage(f"its body has {len(body):,} characters")
    return json.loads(base64.b64decode(body, validate=True))


def _envelope(body: Any, headers: dict[str, Any], info: dict[str, Any], number: str) -> dict[str, Any]:
    return {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "correlation_id": number,
            "delivery_mode": 2,
            "delivery_info": info,
            "priority": 0,
            "body_encoding": "base64",
            # A tag of its own for each delivery: who answers for one does not answer for another.
            "delivery_tag": str(uuid.uuid4()),
        },
    }


def _uuid(value: Any) -> str:
    """A name in the form that Celery gives; anything else gets a new one."""
    try:
        return str(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        return str(uuid.uuid4())


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise BadMessage("not a name")
    return value
