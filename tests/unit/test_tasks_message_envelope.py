"""Messages built anew: whatever somebody writes into one, Celery sees a right one or none."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import BadMessage
from tasks.message_envelope import COMMANDS, rebuilt
from tasks.messages import EmbedMessage, ReduceMessage

GOOD = EmbedMessage(run="20261123-0412-k7m2p", number=1, part="archive", chunk=3)
PIDBOX = "embed@host.celery.pidbox"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
EXECUTION = (
    "timelimit eta expires retries group root_id parent_id shadow ignore_result stamps stamped_headers origin lang meth"
    " compression argsrepr kwargsrepr id attempt failed_at redelivered replaced_task_nesting delivery_info"
).split()


def packed(body: Any) -> str:
    """A body as kombu writes it."""
    return base64.b64encode(json.dumps(body).encode()).decode()


def message(body: Any = None, **headers: Any) -> dict[str, Any]:
    """A message as Celery puts it into Redis, with more headers."""
    number = str(uuid.uuid4())
    return {
        "body": packed([[], GOOD.model_dump(), {}] if body is None else body),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": GOOD.task, "id": number, **headers},
        "properties": {
            "delivery_info": {"exchange": "", "routing_key": "embed"},
            "body_encoding": "base64",
            "delivery_tag": number,
        },
    }


def fields(found: dict[str, Any]) -> Any:
    """What the task of a message is called with."""
    return json.loads(base64.b64decode(found["body"]))


@given(st.dictionaries(st.sampled_from(EXECUTION), anything))
def test_no_header_changes_what_celery_does(headers: dict[str, Any]) -> None:
    """Whatever stands in them: no limit, no wait, no expiry, no callback; and the chunk is the chunk."""
    found = rebuilt(message([[], GOOD.model_dump(), {"callbacks": headers, "chord": headers}], **headers), "embed")
    got, calm = found["headers"], rebuilt(message(), "embed")["headers"]
    own = {"id", "root_id", "redelivered"}
    assert {k: v for k, v in got.items() if k not in own} == {k: v for k, v in calm.items() if k not in own}
    assert got["id"] == got["root_id"] == str(uuid.UUID(got["id"]))
    assert isinstance(got["redelivered"], bool)
    assert fields(found)[:2] == [[], GOOD.model_dump()] and not any(fields(found)[2].values())


@given(st.sampled_from(["embed", "reduce", PIDBOX]), anything)
def test_what_is_no_message_is_refused(queue: str, payload: Any) -> None:
    """Never another error than the one that the transport expects."""
    with pytest.raises(BadMessage):
        rebuilt(payload, queue)


@given(st.data())
def test_one_wrong_place_is_refused_or_ignored(data: st.DataObject) -> None:
    """Anything in the place of anything in a right message."""
    payload = message()
    inner = data.draw(st.sampled_from([payload, payload["headers"], payload["properties"]]))
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(anything)
    try:
        found = rebuilt(payload, "embed")
    except BadMessage as error:
        assert "\n" not in str(error)
    else:
        assert fields(found)[1] == GOOD.model_dump()
        assert found["properties"]["delivery_info"]["routing_key"] == "embed"


def test_what_a_redelivery_carries_is_kept() -> None:
    """That a worker died at it, and which message it is; its tag is new each time."""
    payload = message(redelivered=True)
    found = rebuilt(payload, "embed")
    headers = found["headers"]
    assert headers["id"] == payload["headers"]["id"] and headers["redelivered"]
    assert found["properties"]["delivery_info"]["redelivered"]
    assert found["properties"]["delivery_tag"] != payload["properties"]["delivery_tag"]


@pytest.mark.parametrize(
    ("payload", "queue"),
    [
        (message(task="celery.chord_unlock"), "embed"),
        (message(task="celery.backend_cleanup"), "embed"),
        (message(task=["oshiwake.embed"]), "embed"),
        (message(task=ReduceMessage.task), "embed"),
        (message(), "reduce"),
        (message([[1], GOOD.model_dump(), {}]), "embed"),
        (message([[], {**GOOD.model_dump(), "run": "x" * 100_000}, {}]), "embed"),
        (message([[], {**GOOD.model_dump(), "chunk": 10**30}, {}]), "embed"),
        (message() | {"body": base64.b64encode(b"[" * 40_000).decode()}, "embed"),
        (message() | {"content-type": "application/x-python-serialize"}, "embed"),
    ],
)
def test_other_tasks_and_bodies_are_refused(payload: Any, queue: str) -> None:
    """Celery's own tasks, a task on another's queue, huge, deep and pickled bodies."""
    with pytest.raises(BadMessage):
        rebuilt(payload, queue)


def command(**fields: Any) -> dict[str, Any]:
    """A broadcast to workers."""
    return message({"method": "stats", "arguments": {}, "destination": None, **fields})


@pytest.mark.parametrize(
    "method",
    "shutdown pool_grow pool_shrink pool_restart autoscale rate_limit time_limit revoke terminate add_consumer"
    " cancel_consumer election hello disable_events heartbeat objgraph memdump report query_task clock".split(),
)
def test_commands_that_change_a_worker_are_refused(method: str) -> None:
    """Whoever sends them."""
    with pytest.raises(BadMessage):
        rebuilt(command(method=method), PIDBOX)


@given(st.dictionaries(st.sampled_from("arguments pattern matcher reply_to ticket destination".split()), anything))
def test_commands_that_look_lose_their_arguments(more: dict[str, Any]) -> None:
    """And patterns, which a worker would match at the sender's pace."""
    for method in COMMANDS:
        try:
            found = fields(rebuilt(command(**more, method=method), PIDBOX))
        except BadMessage:
            continue
        assert found["method"] == method and found["arguments"] == {}
        assert set(found) <= {"method", "arguments", "destination", "reply_to", "ticket"}


def test_other_queues_are_left_alone() -> None:
    """Events, and answers to commands."""
    for queue in ("celeryev.1234", f"{uuid.uuid4()}.reply.celery.pidbox"):
        assert rebuilt({"any": "thing"}, queue) == {"any": "thing"}
