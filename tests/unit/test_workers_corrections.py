"""What a person decided, in the next pass: names given and refused, references, and the same for every reducer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.matching.corrections import spread_out
from store.decision_log import DecisionLog
from store.errors import DamagedStore
from store.mode import Mode
from store.user_decision import DecisionKind, UserDecision
from tests.unit.parts import vector
from tests.unit.sites import MODES, Site
from tests.unit.sorting import SPEC, Sorting, at
from workers.assigning import assign_part

PICTURES = {
    "a.png": at(a=0.1),
    "between.png": at(a=0.25, s=0.26),
    "far.png": at(a=0.5),
    "farther.png": at(a=0.52),
    "s.png": at(s=0.1),
}


@pytest.fixture
def site(quick_path: Path) -> Site:
    """The pictures as files."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name)
    return site


def say(site: Site, kind: str, name: str, character: str = "", **more: Any) -> None:
    """Decide about a picture."""
    one = UserDecision(DecisionKind(kind), site.digests[name].hex(), character, **more)
    DecisionLog(site.output).append([one])


def again(sorting: Sorting, number: int = 2, **changes: Any) -> dict[str, dict[str, str]]:
    """Another pass; its report."""
    sorting.begin_pass(number, replace(sorting.spec, **changes))
    sorting.reduce(number)
    return sorting.report()


@pytest.mark.parametrize("mode", MODES)
def test_a_confirmed_picture_gets_its_name_and_never_moves(site: Site, mode: Mode) -> None:
    """Whatever the rule says, in this pass and in any later one."""
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=mode))
    sorting.reduce()
    say(site, "confirmed", "far.png", "桜 ひな")
    for number, threshold in enumerate((0.3, 0.01, 0.9), 2):
        row = again(sorting, number, threshold=threshold)["far.png"]
        assert (row["outcome"], row["character"], row["confidence"]) == ("assigned", "桜 ひな", "1.0000")
        assert row["reason"] == "confirmed: 桜 ひな" and row["placed"] == "桜 ひな/far.png"


def test_a_confirmed_picture_is_a_reference(site: Site) -> None:
    """Also of a character that has no other: pictures near to it get its name."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    assert sorting.report()["farther.png"]["outcome"] == "unknown"
    say(site, "confirmed", "far.png", "Mio")
    row = again(sorting)["farther.png"]
    assert (row["outcome"], row["character"]) == ("assigned", "Mio") and row["reason"] == ""


def test_a_rejected_picture_is_never_proposed_again(site: Site) -> None:
    """Nor is what is nearer to it than to any reference of the character; the others keep their names."""
    sorting = Sorting(site, {**PICTURES, "a.png": at(a=0.05)}, replace(SPEC, threshold=0.6))
    sorting.reduce()
    assert sorting.report()["farther.png"]["character"] == "Akari"
    say(site, "rejected", "far.png", "Akari")
    for number, threshold in enumerate((0.6, 1.9), 2):
        report = again(sorting, number, threshold=threshold)
        assert "Akari" not in {report[name]["character"] for name in ("far.png", "farther.png")}
        assert report["a.png"]["character"] == "Akari"


def test_a_picture_of_which_everything_was_rejected_is_unknown(site: Site) -> None:
    """No distance is made up for it."""
    only = {"Akari": [np.eye(4, dtype=np.float32)[0]]}
    sorting = Sorting(site, PICTURES, replace(SPEC, characters=["Akari"]), only)
    say(site, "rejected", "a.png", "Akari")
    sorting.reduce()
    row = sorting.report()["a.png"]
    assert (row["outcome"], row["nearest"], row["distance"]) == ("unknown", "", "")
    assert row["reason"].endswith("not Akari")


def test_an_ignored_picture_is_not_to_review(site: Site) -> None:
    """It gets no name."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    assert sorting.report()["between.png"]["outcome"] == "review"
    say(site, "ignored", "between.png")
    row = again(sorting)["between.png"]
    assert (row["outcome"], row["reason"], row["placed"]) == ("unknown", "ignored", "_unknown/between.png")


def test_a_renamed_character_has_its_new_name(site: Site) -> None:
    """In the report and as a folder, although the references have the old one."""
    sorting = Sorting(site, PICTURES)
    DecisionLog(site.output).append([UserDecision(DecisionKind.RENAMED, "", "Akari", name="Rin")])
    summary = sorting.reduce()
    assert sorting.report()["a.png"]["placed"] == "Rin/a.png" and not summary["bad_references"]


def test_two_characters_are_confirmed_in_one_picture(site: Site) -> None:
    """It is in both folders."""
    sorting = Sorting(site, PICTURES)
    for name in ("Akari", "Mio"):
        say(site, "confirmed", "between.png", name)
    sorting.reduce()
    assert {"Akari/between.png", "Mio/between.png"} <= site.placed().keys()


def test_a_pass_works_with_the_decisions_that_it_began_with(site: Site) -> None:
    """Reducers that share it, and one that begins again, decide alike; a later decision counts in the next pass."""
    sorting = Sorting(site, PICTURES)
    say(site, "confirmed", "far.png", "Mio")
    assign_part(sorting.store, sorting.run, 1, 0, 2)
    say(site, "confirmed", "far.png", "Akari")
    say(site, "rejected", "far.png", "Mio")
    sorting.reduce()
    assert sorting.report()["far.png"]["character"] == "Mio"
    sorting.run.pass_(1).reopen()
    sorting.reduce()
    assert sorting.report()["far.png"]["character"] == "Mio"
    assert again(sorting)["far.png"]["character"] == "Akari"


def test_vectors_of_decided_pictures_that_are_gone_are_told(site: Site) -> None:
    """With the file's name."""
    sorting = Sorting(site, PICTURES)
    say(site, "confirmed", "far.png", "Mio")
    assign_part(sorting.store, sorting.run, 1, 0, 1)
    (shard,) = sorting.run.folder.glob("passes/1/decided-pictures-*.parquet")
    assert isinstance(shard, Path)
    shard.unlink()
    with pytest.raises(DamagedStore, match=shard.name):
        sorting.reduce()


@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 30), max_size=5), st.integers(1, 8))
def test_references_are_few_and_spread_out(seeds: list[int], known: list[int], most: int) -> None:
    """Each picture is chosen, or near to a chosen or known one, or the number is reached; equal ones count once."""
    rows, others = (np.array([vector(seed) for seed in some]).reshape(-1, 4) for some in (seeds, known))
    chosen = spread_out(rows, others, most)
    assert len(chosen) <= most and list(chosen) == sorted(set(chosen))
    there = np.concatenate([others, rows[chosen]])
    distances = 1 - rows @ there.T if len(there) else np.full((len(rows), 1), 2.0)
    assert len(chosen) == most or (distances.min(axis=1) < 0.051).all()
    between = 1 - rows[chosen] @ rows[chosen].T + 2 * np.eye(len(chosen))
    assert len(chosen) < 2 or between.min() > 0.049
