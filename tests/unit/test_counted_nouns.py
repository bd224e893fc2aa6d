"""Numbers with nouns agree in the texts that a person reads."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from model.counted_nouns import counted, noun
from producer.exclusion import PassedOver
from producer.printing import passed_line, print_summary
from producer.status import RunState, describe_references
from tests.unit.test_producer_printing import SUMMARY, status

COUNTS = st.integers(0, 3) | st.integers(0, 2**40)
ONE = re.compile(r"(?<![\d,.])1 +(\w+ )?(duplicates|links|copies|files|folders|embeddings|characters)\b")
OTHERS = re.compile(r"(?<![\d,.])(?!1 )\d[\d,]* +(\w+ )?(duplicate|link|copy|file|folder|embedding|character)\b")
OUTCOMES = ("assigned", "unknown", "review", "duplicate", "unreadable", "unsupported")


@given(COUNTS)
def test_only_one_is_singular(number: int) -> None:
    """Zero and all others take the plural; thousands are separated."""
    assert noun(number, "copy", "copies") == ("copy" if number == 1 else "copies")
    text, word = counted(number, "file").split()
    assert int(text.replace(",", "")) == number and word == ("file" if number == 1 else "files")
    assert not re.search(r"\d{4}", text)


@given(*(st.lists(COUNTS, min_size=size, max_size=size) for size in (6, 4, 4)))
def test_a_summary_agrees_with_its_numbers(outcomes: list[int], placed: list[int], others: list[int]) -> None:
    """Whatever the numbers."""
    summary = {
        **SUMMARY,
        "files": sum(outcomes),
        "outcomes": dict(zip(OUTCOMES, outcomes, strict=True)),
        "placed": dict(zip(("hardlink", "symlink", "copy", "move"), placed, strict=True)),
        "copied_instead": others[0],
        "already": others[1],
        "left_alone": others[2],
    }
    console = Console(width=10_000)
    with console.capture() as capture:
        print_summary(replace(status(RunState.DONE), summary=summary, reused=others[3]), console)
    text = capture.get() + passed_line(PassedOver(*others[:3])) + describe_references(["a"] * (others[0] % 4))
    assert not ONE.search(text) and not OTHERS.search(text)
