"""What comes after a run: other values, other references, other ways of placing, a look at a pair."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image

from model.synthesis import Identity, draw
from tests.acceptance.conftest import LocalCluster, Program, Undisturbed, wait_until
from tests.conftest import Collection, layout, snapshot


def report(c: Collection) -> dict[str, dict[str, str]]:
    """The rows of OUT/report.csv by path."""
    with open(c.output / "report.csv", encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_assigning_again_embeds_nothing(program: Program) -> None:
    """`reduce` with another threshold gives the layout that a run with that threshold gives, without embedding."""
    c = program.collection
    program.sort("run", "--threshold", "2", "--match", "mean", "--margin", "0")
    generous = layout(c.output)
    program("undo")
    program.sort()
    status = program.json("reduce", "--threshold", "2", "--match", "mean", "--margin", "0", rc=1)
    assert status["to_read"] - status["embedded"] - status["failed"] - status["unsupported"] == 0
    assert status["summary"]["outcomes"]["unknown"] == 0
    again = layout(c.output)
    assert {k: v for k, v in again.items() if k != "report.csv"} == {
        k: v for k, v in generous.items() if k != "report.csv"
    }
    program("undo")
    assert not c.output.exists()


def test_a_new_reference_is_the_only_picture_embedded(program: Program) -> None:
    """After a reference picture is added, `reduce` reads that one and uses it."""
    c = program.collection
    program.sort("run", "--threshold", "0", "--margin", "0")
    stranger = "other/0-00.png"
    assert report(c)[stranger]["outcome"] == "unknown"
    before = program.status()
    (c.references / "Stranger").mkdir()
    shutil.copyfile(c.archive / stranger, c.references / "Stranger" / "1.png")
    after = program.json("reduce", "--threshold", "0.000001", rc=1)
    row = report(c)[stranger]
    assert (row["outcome"], row["character"], row["placed"]) == ("assigned", "Stranger", "Stranger/0-00.png")
    assert after["embedded"] - (before["embedded"] - 6) == 1, "one new reference beside the archive's pictures"


def test_negatives_stay_unknown(program: Program) -> None:
    """What is nearest to a `_not…` folder is unknown, and there is no folder of that name."""
    c = program.collection
    (c.references / "_not these").mkdir()
    shutil.copyfile(c.archive / "other" / "0-00.png", c.references / "_not these" / "1.png")
    program.sort("run", "--threshold", "2", "--margin", "0")
    row = report(c)["other/0-00.png"]
    assert row["outcome"] == "unknown" and "_not these" in row["reason"]
    assert not (c.output / "_not these").exists()


def test_references_from_a_json_file(program: Program) -> None:
    """The seed tool's form works, with slashes and Japanese in names; folders are safe and distinct."""
    c = program.collection
    folders = {"Fate/Zero": "Akari", "Fate_Zero": "Dahlia", "桜 ひな": "桜 ひな"}
    file = c.archive.parent / "refs.json"
    names = {name: f"references/{folder}" for name, folder in folders.items()}
    file.write_text(json.dumps(names | {"listed": [str(c.archive / "other" / "0-00.png")]}), encoding="utf-8")
    args: list[str | Path] = ["--output", c.output, "--threshold", "2", "--margin", "0"]
    program("run", c.archive, "--references", file, *args, rc=1)
    made = {path.name for path in c.output.iterdir() if path.is_dir()} - {".oshiwake"}
    assert len(made) == 4 and {"Fate_Zero", "桜 ひな", "listed"} < made


def test_a_picture_can_stand_under_several_characters(program: Program) -> None:
    """`--multiple` files a picture of two under both, without it under the surer one; both are told either way."""
    c = program.collection
    for n in range(6):
        pair = Image.new("RGB", (512, 256))
        for place, name in enumerate(("Akari", "Dahlia")):
            identity = Identity.from_seed(2 * place)
            pair.paste(draw(identity, 200 + n, size_px=256, variety="gentle"), (256 * place, 0))
            draw(identity, 210 + n, size_px=256, variety="gentle").save(c.references / name / f"with a head {n}.png")
        pair.save(c.archive / f"pair {n}.png")
    program.sort("run", "--threshold", "2", "--margin", "0", "--multiple")
    pairs = {path: row for path, row in report(c).items() if path.startswith("pair")}
    both = [path for path, row in pairs.items() if row["character"] == row["characters_found"] == "Akari | Dahlia"]
    assert both
    assert all(pairs[path]["placed"] == f"Akari/{path} | Dahlia/{path}" for path in both)
    program("reduce", "--single", rc=1)
    for path in both:
        row = report(c)[path]
        assert row["character"] in ("Akari", "Dahlia") and row["placed"] == f"{row['character']}/{path}"
        assert row["characters_found"] == "Akari | Dahlia"


@pytest.mark.parametrize("mode", ["symlink", "copy", "move"])
def test_each_mode_places_the_same_and_undo_takes_it_back(
    program: Program, undisturbed: Undisturbed, mode: str
) -> None:
    """The layout is that of hard links whatever the mode; after undo all is as before, with times and permissions."""
    c = program.collection
    for n, path in enumerate(sorted(c.archive.rglob("*.*"))):
        os.utime(path, ns=(10**18 + n, 10**18 + 7 * n))
        path.chmod(0o640 if n % 2 else 0o444)
    before = snapshot(c.archive)
    program.sort("run", "--mode", mode)
    assert layout(c.output) == undisturbed.layout
    if mode == "move":
        assert not (c.archive / "set 0" / "0-04.png").exists()
        assert (c.archive / "volume.cbz").exists() and (c.archive / "broken.png").exists()
    else:
        assert snapshot(c.archive) == before
    program("undo")
    assert snapshot(c.archive) == before
    assert not c.output.exists()


def test_files_of_the_same_name_are_all_kept(program: Program) -> None:
    """Two files of one name go to one folder under two names, and nothing that stood there is replaced."""
    c = program.collection
    (c.output / "_unknown").mkdir(parents=True)
    (c.output / "_unknown" / "0-00.png").write_text("mine")
    (c.output / "report.csv").write_text("mine too")
    program.sort("run", "--threshold", "0")
    assert (c.output / "_unknown" / "0-00.png").read_text() == "mine"
    assert (c.output / "report.csv").read_text() == "mine too"
    rows = {row["path"]: row for row in csv.DictReader(next(c.output.glob("report-*.csv")).read_text().splitlines())}
    assert rows["other/0-00.png"]["placed"] == "_unknown/0-00 (2).png"
    assert rows["set 0/0-00.png"]["outcome"] == "duplicate"
    assert rows["same again.png"]["placed"] == "_unknown/same again.png"
    program("undo")
    assert layout(c.output).keys() == {"_unknown/0-00.png", "report.csv"}


def test_a_picture_put_elsewhere_by_hand_stays_there(program: Program) -> None:
    """What a person has taken out of a folder is not placed again by the next run."""
    c = program.collection
    program.sort("run", "--threshold", "2", "--margin", "0")
    placed = report(c)["set 0/0-04.png"]["placed"]
    (c.output / placed).unlink()
    status = program.json(*program.sort_args(), "--threshold", "2", "--margin", "0", rc=1)
    assert not (c.output / placed).exists()
    assert status["summary"]["left_alone"] == 1


def test_similarity_of_two_pictures(program: Program) -> None:
    """The distance of a picture to itself is 0; of two pictures it is what the report says; a bad file is named."""
    c = program.collection
    picture, other = c.archive / "set 0" / "0-04.png", c.references / "Akari" / "0.png"
    same = program.json("similarity", picture, picture)
    assert same["distance"] == pytest.approx(0, abs=1e-6) and same["same"] is True
    far = program.json("similarity", picture, other, "--threshold", "0")
    assert 0 < far["distance"] <= 2 and far["same"] is False
    assert "different characters" in program("similarity", picture, other, "--threshold", "0").stdout
    assert "broken.png" in program("similarity", picture, c.archive / "broken.png", rc=2).stderr
    assert "gone.png" in program("similarity", picture, c.archive / "gone.png", rc=2).stderr


def test_a_private_run_can_be_watched_from_elsewhere(program: Program) -> None:
    """While `run` works, `status` in another terminal shows its workers."""
    process = program.start(*program.sort_args())
    wait_until(lambda: _latest_workers(program), "status shows the workers")
    process.communicate(timeout=120)
    assert process.returncode == 1


def _latest_workers(program: Program) -> object:
    if not (program.collection.store / "runs").exists():
        time.sleep(0.1)
        return False
    return program.status()["workers"] or program.status()["state"] == "done"


def test_two_archives_share_an_output(farm: LocalCluster) -> None:
    """Runs of two archives into one output do not touch each other, and each is undone alone."""
    program, c = farm.program, farm.program.collection
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    second = c.archive.parent / "second"
    second.mkdir()
    for n in range(3):
        draw(Identity.from_seed(50 + n), 1, size_px=64).save(second / f"0-0{n}.png")
    ids = []
    for archive in (c.archive, second):
        ids.append(program("enqueue", archive, "--references", c.references, "--output", c.output).stdout.strip())
        farm.finished()
    only_second = {k for k in layout(c.output) if k != "report.csv"}
    program("undo", ids[0])
    left = {k for k in layout(c.output) if k != "report.csv"}
    assert len(left) == 3 and left < only_second
    program("undo", ids[1])
    assert not c.output.exists()


def test_recorded_options_are_kept_and_named(program: Program) -> None:
    """`reduce` without an option keeps those of the run and says which; `--defaults` forgets them."""
    program.sort("run", "--threshold", "0.4", "--match", "mean")
    said = program("reduce", rc=1)
    assert "kept from the run: --threshold 0.4 --match mean (--defaults goes back to the defaults)" in said.stderr
    assert "threshold 0.4000, match mean" in said.stdout
    said = program("reduce", "--strangers", "5%", rc=1)
    assert "kept from the run: --match mean (" in said.stderr
    assert "strangers 5%, match mean" in said.stdout
    said = program("reduce", "--defaults", rc=1)
    assert "kept from the run" not in said.stderr
    assert "strangers 10%, match centroid, margin 0.02" in said.stdout
    assert "kept from the run" not in program("reduce", rc=1).stderr
    assert "exclude each other" in program("reduce", "--strangers", "5%", "--threshold", "0.3", rc=2).stderr


def test_calibrate_leaves_the_references_alone(program: Program) -> None:
    """`reid calibrate` says what to expect in plain words, and writes nothing beside the references."""
    c = program.collection
    before = snapshot(c.references)
    calibrate = program.start("calibrate", c.references, "--weights", program.env["OSHIWAKE_WEIGHTS"], program="reid")
    said, err = calibrate.communicate(timeout=120)
    assert calibrate.returncode == 0, said + err
    assert "strangers" in said and "known pictures" in said
    assert snapshot(c.references) == before
