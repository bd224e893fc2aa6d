"""Archive files of every kind in one run: names in old encodings, one name twice, an animation."""

from __future__ import annotations

import warnings
import zipfile

from tests.acceptance.conftest import Program
from tests.acceptance.test_outcome import report
from tests.conftest import snapshot

UGOIRA = "98765432_ugoira600x600.zip"


def test_every_entry_has_its_row_and_an_animation_is_one_file(program: Program) -> None:
    """Japanese names come out right, of the placed files too; the animation moves whole; undo gives all back."""
    c = program.collection
    pictures = sorted((c.archive / "set 1").glob("*.png"))[:4]
    assert len(pictures) == 4
    with zipfile.ZipFile(c.archive / "old.zip", "w") as old, warnings.catch_warnings(action="ignore"):
        old.write(pictures[0], "xxxx/yyyy.png")
        old.write(pictures[1], "same.png")
        old.write(pictures[2], "same.png")
        old.write(pictures[3], "..\\..\\win.png")
    content = (c.archive / "old.zip").read_bytes()
    for mark, name in ((b"xxxx", "桜木"), (b"yyyy", "表紙")):
        content = content.replace(mark, name.encode("cp932"))
    (c.archive / "old.zip").write_bytes(content)
    with zipfile.ZipFile(c.archive / UGOIRA, "w") as animation:
        for n in range(3):
            animation.write(pictures[n], f"{n:06d}.png")
    for picture in pictures:
        picture.unlink()
    before = snapshot(c.archive)

    program.sort("run", "--mode", "move", "--threshold", "2", "--margin", "0")
    rows = report(c)
    inside = [f"old.zip!/{name}" for name in ("../../win.png", "same (2).png", "same.png", "桜木/表紙.png")]
    assert sorted(row for row in rows if row.startswith(("old.zip", UGOIRA))) == sorted([*inside, UGOIRA])
    assert [rows[row]["outcome"] for row in inside] == ["assigned"] * 4
    for row, name in zip(inside, ("win.png", "same (2).png", "same.png", "表紙.png"), strict=True):
        assert rows[row]["placed"].split("/")[-1] == name
        assert (c.output / rows[row]["placed"]).is_file()
    assert rows[UGOIRA]["placed"] == f"{rows[UGOIRA]['character']}/{UGOIRA}"
    assert not (c.archive / UGOIRA).exists() and (c.archive / "old.zip").exists()
    assert zipfile.is_zipfile(c.output / rows[UGOIRA]["placed"])
    program("undo")
    assert snapshot(c.archive) == before and not c.output.exists()
