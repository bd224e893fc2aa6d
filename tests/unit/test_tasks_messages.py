"""Messages: small, frozen, versioned; what is not of that form is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.errors import BadMessage
from tasks.messages import EmbedMessage, ReduceMessage, decode_message

GOOD: dict[str, Any] = {"version": 1, "run": "20261123-0412", "number": 1, "part": "archive", "chunk": 17}


def test_a_message_survives_the_way() -> None:
    """What is sent is what arrives."""
    message = EmbedMessage(run="20261123-0412", number=1, part="passes/1/references", chunk=0)
    assert decode_message(EmbedMessage, message.model_dump()) == message
    assert message.what == "references 0"
    assert decode_message(EmbedMessage, GOOD).what == "chunk 17"


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"run": "../../etc"},
        {"run": "20261123-0412\n"},
        {"run": 20261123},
        {"part": "archive/../../../etc"},
        {"part": "passes/1/references/x"},
        {"chunk": -1},
        {"chunk": "17"},
        {"number": 0},
        {"path": "/etc/passwd"},
    ],
)
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    """A wrong, missing or further field is a typed error that names the field."""
    with pytest.raises(BadMessage, match=next(iter(change))):
        decode_message(EmbedMessage, GOOD | change)


def test_a_missing_field_is_refused() -> None:
    """A message must be whole."""
    with pytest.raises(BadMessage, match="number"):
        decode_message(ReduceMessage, {"version": 1, "run": "20261123-0412"})
