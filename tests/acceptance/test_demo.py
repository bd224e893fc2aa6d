"""`producer demo`: what a new user sees first."""

from __future__ import annotations

import re

from tests.acceptance.conftest import Program
from tests.conftest import snapshot


def test_the_demo_draws_sorts_and_shows(program: Program) -> None:
    """Ten characters, their pictures and some strangers are drawn and sorted by the shipped weights, mostly rightly."""
    folder = program.collection.store.with_name("demo")
    del program.env["OSHIWAKE_WEIGHTS"]
    first = program("demo", "--folder", folder)
    assert "an archive of 232 files" in first.stderr and "30 reference pictures" in first.stderr
    out = first.stdout
    for word in ("Akari", "桜木 ひな", "_unknown", "report.csv", "232  files seen", "download broke off.png"):
        assert word in out
    score = re.search(r"(\d+) of (\d+) named pictures got the right name; (\d+) pictures", out)
    assert score is not None
    right, named, shown = map(int, score.groups())
    assert shown == 204
    assert named > shown / 2, "more than half of the known characters' pictures get a name"
    assert right > 0.9 * named, "and the name is nearly always right"
    assert len(list((folder / "references").iterdir())) == 10
    [hint] = re.findall(r"undo it: `(.*)`", out)
    before = snapshot(folder / "archive")
    again = program("demo", "--folder", folder).stdout
    assert "nothing new" in again and "reused 232 embeddings" in again
    assert snapshot(folder / "archive") == before
    newest = program(*hint.split()[1:]).stderr
    assert "undone: 228 file operations reversed" in newest, "the hint can be pasted as it was printed"
    assert not (folder / "sorted").exists()
