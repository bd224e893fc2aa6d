"""Decisions of a person: stored whole, read in their order, and what they come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.decided import counting, decided
from store.decision_log import DecisionLog
from store.errors import DamagedStore, NewerSchema
from store.user_decision import DecisionKind, UserDecision, read_lines, to_lines

ONE, OTHER = "1" * 64, "2" * 64
HEADS: list[list[float]] = [[], [0.1, 0.1, 0.4, 0.4], [0.5, 0.1, 0.9, 0.4]]
ABOUT = st.builds(
    UserDecision,
    kind=st.sampled_from([DecisionKind.CONFIRMED, DecisionKind.REJECTED, DecisionKind.IGNORED]),
    digest=st.sampled_from([ONE, OTHER]),
    character=st.sampled_from(["Akari", "桜 ひな"]),
    head=st.sampled_from(HEADS),
)


def said(kind: str, character: str = "", digest: str = ONE, **more: Any) -> UserDecision:
    """A decision."""
    return UserDecision(DecisionKind(kind), digest, character, **more)


@given(st.lists(ABOUT, max_size=8))
def test_the_later_of_two_decisions_counts(decisions: list[UserDecision]) -> None:
    """As a plain oracle says, decision by decision, for a picture as a whole."""
    whole = [one for one in decisions if not one.head or one.kind is DecisionKind.IGNORED]
    expected: dict[tuple[str, str], str] = {}
    for one in whole:
        if one.kind is DecisionKind.IGNORED:
            expected = {key: value for key, value in expected.items() if key[0] != one.digest}
            expected[one.digest, ""] = "ignored"
        else:
            expected.pop((one.digest, ""), None)
            expected[one.digest, one.character] = one.kind.value
    found = decided(whole)
    seen: dict[tuple[str, str], str] = {}
    for digest, picture in found.pictures.items():
        assert not (picture.confirmed.keys() & picture.rejected.keys())
        seen |= {(digest, ""): "ignored"} if picture.ignored else {}
        seen |= {(digest, name): "confirmed" for name in picture.confirmed}
        seen |= {(digest, name): "rejected" for name in picture.rejected}
    assert seen == expected


def test_heads_are_decided_apart() -> None:
    """A rejected head leaves the other; a decision about the whole picture takes the place of both."""
    left, right = HEADS[1], HEADS[2]
    found = decided([said("confirmed", "A", head=left), said("rejected", "A", head=right)]).pictures[ONE]
    assert found.confirmed == {"A": tuple(left)} and found.rejected == {"A": {tuple(right)}}
    found = decided([said("confirmed", "A", head=left), said("rejected", "A")]).pictures[ONE]
    assert not found.confirmed and found.rejected == {"A": {()}}


def test_a_renamed_character_keeps_its_decisions() -> None:
    """Also those before, through several names, and back to the first."""
    steps = [said("confirmed", "A"), said("renamed", "A", "", name="B"), said("renamed", "B", "", name="C")]
    assert decided(steps).characters == ["C"] and decided(steps).name("A") == "C"
    back = decided([*steps, said("renamed", "C", "", name="A")])
    assert back.characters == ["A"] and back.name("A") == "A" and back.name("B") == "A"


def test_what_is_withdrawn_counts_no_more() -> None:
    """What was decided before it counts again."""
    first, second = said("confirmed", "A"), said("rejected", "A")
    withdrawal = UserDecision(DecisionKind.WITHDRAWN, withdraws=second.id)
    assert counting([first, second, withdrawal]) == [first]


@given(st.lists(ABOUT, max_size=5))
def test_json_lines_come_back(decisions: list[UserDecision]) -> None:
    """Exactly, ids and times too."""
    assert list(read_lines(to_lines(decisions).splitlines(), Path("x"))) == decisions


def test_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each writes a file of its own; the order is that of the times; many files are joined, ids told once."""
    logs = [DecisionLog(tmp_path) for _ in range(2)]
    made = [said("confirmed", f"{n}", time_s=float(1000 - n)) for n in range(300)]
    for n, one in enumerate(made):
        logs[n % 2].append([one])
    logs[0].note_by_hand("run", 1, [said("rejected", "A", time_s=1.0)])
    read = logs[1].read()
    assert [one.character for one in read] == ["A", *(f"{n}" for n in reversed(range(300)))]
    twice = next(tmp_path.glob(".oshiwake/decisions/0*"))
    kept = twice.read_bytes()
    logs[0].join()
    assert len(list(tmp_path.glob(".oshiwake/decisions/*"))) == 2
    twice.write_bytes(kept)  # of a process that died before it had deleted all
    assert logs[1].read() == read
    assert logs[0].forget_by_hand("run") == 1 and logs[0].read() == read[1:]


GOOD = to_lines([said("confirmed", "A", head=HEADS[1])]).strip()


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "3",
        "{}",
        "[" * 100_000,
        GOOD.replace('"schema": 2', '"schema": "2"'),
        GOOD.replace(ONE, "../x"),
        GOOD.replace("confirmed", "conjured"),
        GOOD.replace("0.4", "7"),
        GOOD.replace("0.4]", "0.4, 0.5]"),
        GOOD.replace('"A"', '""'),
        GOOD.replace('"A"', '"\\ud800"'),
        GOOD.replace('"A"', '"A", "more": 1'),
        GOOD.replace('"A"', f'"{"A" * 100_000}"'),
    ],
)
def test_a_hostile_line_is_refused(line: str, tmp_path: Path) -> None:
    """With the file and the line's number."""
    log = DecisionLog(tmp_path)
    log.append([said("confirmed", "A")])
    (path,) = tmp_path.glob(".oshiwake/decisions/*")
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(DamagedStore, match=f"{os.path.basename(path)}: line 2"):
        log.read()


def test_a_newer_line_is_refused(tmp_path: Path) -> None:
    """It is not taken for less than it says."""
    with pytest.raises(NewerSchema):
        list(read_lines([GOOD.replace('"schema": 2', '"schema": 99')], tmp_path))
