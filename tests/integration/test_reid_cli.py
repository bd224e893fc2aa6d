"""The command line `reid`: exit codes, examples, and what each command writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.cli import main
from model.evaluation.pairs import all_pairs
from model.evaluation.rates import equal_error, error_rates
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import read_info
from model.synthesis import Identity, draw
from tests.onnx_files import embedder, saved


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six characters with four pictures each."""
    root = tmp_path_factory.mktemp("sorted")
    for character in range(6):
        (root / f"c{character}").mkdir()
        for n in range(4):
            draw(Identity.from_seed(character), n, size_px=48, variety="gentle").save(
                root / f"c{character}" / f"{n}.png"
            )
    return root


def reid(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run `reid` in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["reid", *(str(word) for word in words)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_help_needs_no_torch() -> None:
    """The command line starts without loading torch."""
    program = (
        "import sys; sys.argv = ['reid', '--help']\n"
        "from model.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'optuna' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--output", "x", "--set", "nonsense"],
        ["train", "--output", "x"],
        ["evaluate", "none.parquet"],
        ["evaluate"],
        ["calibrate", "none"],
        ["dataset", "scan", "none", "-o", "x"],
        ["dataset", "stats", "none"],
        ["dataset", "split", "none", "--seed", "-1"],
        ["evaluate", "--drawn", "2", "none"],
        ["evaluate", "none", "--split", "tset"],
        ["train", "--output", "x", "--set", "seed=1", "--set", "seed.x=1"],
        ["evaluate", "--drawn", "2", "--device", "tpu"],
        ["sweep", "-o", "x", "--search", "luck"],
        ["weights", "show", "none"],
        ["weights", "import", "none", "-o", "x"],
        ["nonsense"],
    ],
    ids=lambda words: " ".join(words),
)
def test_wrong_use(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong use ends with code 2 and no traceback."""
    monkeypatch.chdir(tmp_path)
    assert reid(monkeypatch, *words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_from_folders_to_a_report(
    folder: Path, small_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Scan, count, split and evaluate: manifest, plot, JSON and a page that needs no other file."""
    manifest, report = tmp_path / "m.parquet", tmp_path / "report"
    assert reid(monkeypatch, "dataset", "scan", folder, "-o", manifest) == 0
    assert reid(monkeypatch, "dataset", "stats", manifest, "--plot", tmp_path / "h.svg") == 0
    assert reid(monkeypatch, "dataset", "split", manifest, "--ratio", "1:0:2") == 0
    assert reid(monkeypatch, "evaluate", manifest, "--weights", small_weights, "-o", report) == 0
    values = json.loads((report / "report.json").read_text())
    assert (values["pictures"], values["characters"]) == (16, 4)
    assert [one["references"] for one in values["identification"]] == [1, 3]
    page = (report / "report.html").read_text()
    assert page.count("<svg") == 3
    assert page.count('src="data:image/jpeg;base64,') == page.count("<img") == 48
    assert set(re.findall(r"\w+://[\w./]+", page)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in page and "<link" not in page and "@import" not in page


@pytest.mark.parametrize(
    ("missing", "words", "what"),
    [
        ("matplotlib", ["evaluate", "--drawn", "4", "-o", "r"], "a report"),
        ("jinja2", ["evaluate", "--drawn", "4", "-o", "r"], "a report"),
        ("matplotlib", ["dataset", "stats", "m.parquet", "--plot", "h.svg"], "a chart"),
        ("optuna", ["sweep", "-o", "s", "--set", "data.kind=synthesis"], "a sweep"),
        ("torch", ["sweep", "-o", "s", "--set", "data.kind=synthesis"], "a sweep"),
        ("torch", ["train", "-o", "t"], "reid train"),
        ("pytorch_metric_learning", ["adapt", "sorted", "-o", "t", "--train"], "reid adapt --train"),
        ("torch", ["heads", "train", "-o", "t"], "reid heads train"),
    ],
)
def test_without_the_extra(
    missing: str,
    words: list[str],
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command that needs the extra `training` says so in one line, before it does anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    assert reid(monkeypatch, *words) == 2
    assert capsys.readouterr().err == f"reid: {what} needs: pip install 'oshiwake[training]'\n"
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A manifest without pictures has a table too, and what cannot be written is said in a line."""
    (tmp_path / "a").mkdir()
    draw(Identity.from_seed(1), 1, size_px=48).save(tmp_path / "a" / "1.png")
    manifest = tmp_path / "m.parquet"
    assert reid(monkeypatch, "dataset", "scan", tmp_path, "-o", manifest) == 0
    assert (
        "0 pictures of 0 characters\nleft out: 0 copies; 1 of several characters, or alone" in capsys.readouterr().out
    )
    assert reid(monkeypatch, "dataset", "stats", manifest) == 0
    assert ": 0" not in capsys.readouterr().out
    assert reid(monkeypatch, "dataset", "stats", manifest, "--plot", tmp_path / "h.gif") == 2
    assert ".png or .svg" in capsys.readouterr().err
    assert reid(monkeypatch, "dataset", "scan", tmp_path, "-o", tmp_path / "a") == 2
    assert capsys.readouterr().err == f"reid: {tmp_path / 'a'}: Is a directory\n"


def test_json_for_a_pipe(
    folder: Path,
    small_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --json standard output holds one JSON value and nothing else: that of the file, where there is one."""
    manifest, weights = tmp_path / "m.parquet", ("--weights", small_weights)
    assert reid(monkeypatch, "dataset", "scan", folder, "-o", manifest) == 0
    capsys.readouterr()
    assert reid(monkeypatch, "dataset", "stats", manifest, "--json") == 0
    assert json.loads(capsys.readouterr().out)["characters"] == len(list(folder.iterdir()))
    assert reid(monkeypatch, "evaluate", folder, *weights, "-o", tmp_path / "report", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "report" / "report.json").read_text())
    assert reid(monkeypatch, "calibrate", folder, *weights, "-o", tmp_path / "c.json", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "c.json").read_text())


def test_evaluate_drawn_like_a_recipe(small_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Drawn characters are measured in full variety, or as a recipe draws them."""
    (tmp_path / "gentle.toml").write_text("[data]\ngentle = 1.0\n")
    words = ("evaluate", "--drawn", 2, "--weights", small_weights, "-o")
    assert reid(monkeypatch, *words, tmp_path / "full") == 0
    assert reid(monkeypatch, *words, tmp_path / "gentle", "--config", tmp_path / "gentle.toml") == 0
    full, gentle = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("full", "gentle"))
    assert full["pictures"] == gentle["pictures"] == 24
    assert full != gentle


def test_sheet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Characters in rows; the same seeds give the same picture, gentle ones and those by more hands others."""
    words = ("sheet", "--characters", 2, "--pictures", 3, "--size-px", 32, "-o")
    more: dict[str, tuple[object, ...]]
    more = {"a": (), "b": (), "gentle": ("--gentle",), "wide": ("--wide",), "others": ("--first", 2)}
    for name, options in more.items():
        assert reid(monkeypatch, *words, tmp_path / f"{name}.png", *options) == 0
        assert capsys.readouterr().out == f"{tmp_path / name}.png: 2 characters, 3 pictures of each\n"
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (96, 64)
    contents = {name: (tmp_path / f"{name}.png").read_bytes() for name in more}
    assert contents["a"] == contents["b"]
    assert len(set(contents.values())) == 4


def test_failed_files_end_with_1(
    folder: Path,
    small_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Unreadable pictures are listed, the rest is done, and the code is 1."""
    (folder / "c0" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    try:
        for words in (("evaluate", folder), ("calibrate", folder, "-o", tmp_path / "c.json")):
            assert reid(monkeypatch, *words, "--weights", small_weights) == 1
            assert "cut.png" in capsys.readouterr().err
    finally:
        (folder / "c0" / "cut.png").unlink()
    assert json.loads((tmp_path / "c.json").read_text())["references"] == 6 * 4


def test_weights_show(small_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The description of a weights file, for people and as JSON."""
    assert reid(monkeypatch, "weights", "show", small_weights) == 0
    said = capsys.readouterr().out.splitlines()
    assert "preprocessing      v2-pad-32" in said and f"file               {small_weights}" in said
    assert reid(monkeypatch, "weights", "show") == 0
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  command ") and line.endswith("--half") for line in said), "no command is broken"
    assert sorted(line for line in said if "{" in line or (len(line) > 120 and "file" not in line)) == []
    assert reid(monkeypatch, "weights", "show", small_weights, "--json") == 0
    assert json.loads(capsys.readouterr().out)["dimension"] == 16


def test_weights_of_other_people_are_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An ONNX network is evaluated and calibrated as ours are, and refused where something would be trained."""
    weights = tmp_path / "my.weights"
    assert reid(monkeypatch, "weights", "import", saved(embedder(), tmp_path / "x.onnx"), "-o", weights) == 0
    capsys.readouterr()
    assert reid(monkeypatch, "evaluate", folder, "--weights", weights, "--json") == 0
    measured = json.loads(capsys.readouterr().out)
    assert (measured["weights"], measured["pictures"]) == (read_info(weights).digest, 24)
    preprocessing = Preprocessing("stretch", 32)
    files = [path for character in sorted(folder.iterdir()) for path in sorted(character.iterdir())]
    pixels = np.stack([preprocessing(Image.open(path).convert("RGB")) for path in files])
    vectors = Embedder.load(weights, precision="fp32").embed(pixels)
    pairs = all_pairs(vectors, np.repeat(np.arange(6), 4))
    assert measured["eer"] == pytest.approx(equal_error(error_rates(pairs.genuine, pairs.impostor)).rate, abs=0.03)
    assert reid(monkeypatch, "calibrate", folder, "--weights", weights, "--json") == 0
    assert json.loads(capsys.readouterr().out)["references"] == 24
    assert reid(monkeypatch, "adapt", folder, "-o", tmp_path / "out", "--init", weights) == 2
    assert "not trained" in capsys.readouterr().err


def test_adapt_by_training(
    folder: Path,
    small_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Training on gives other weights of the same kind, whatever the files are called; bad files are told."""
    from model.network.weights_file import read_info

    given = ("--set", "schedule.steps=2", "--set", "run.workers=0", "--set", "batch.characters=3")
    weights = shutil.copy(small_weights, tmp_path / "the girl's.safetensors")
    output = tmp_path / "quotes ' and \""
    (folder / "c0" / "cut.png").write_bytes(b"no picture")
    try:
        assert reid(monkeypatch, "adapt", folder, "-o", output, "--train", "--init", weights, *given) == 1
    finally:
        (folder / "c0" / "cut.png").unlink()
    assert f"failed: {folder / 'c0' / 'cut.png'}: not a picture" in capsys.readouterr().err
    before, after = read_info(small_weights), read_info(output / "weights.safetensors")
    assert (after.dimension, after.preprocessing) == (before.dimension, before.preprocessing)
    assert after.digest != before.digest
    assert after.measured["set"].startswith("development: 2 characters")  # a fifth of six would give no pair


SMALL = ("network.size_px=32", "network.dimension=8", "schedule.steps=1", "run.workers=0", "run.evaluate_steps=1")


@pytest.fixture
def sweep(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """The words of a small sweep into the folder `sweep`."""
    manifest = tmp_path / "m.parquet"
    assert reid(monkeypatch, "dataset", "scan", folder, "-o", manifest) == 0
    assert reid(monkeypatch, "dataset", "split", manifest, "--ratio", "1:1:0") == 0
    given = [word for value in SMALL for word in ("--set", value)]
    return ["sweep", "-o", tmp_path / "sweep", "--manifest", manifest, *given]


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_sweep_searches(search: str, sweep: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Random and TPE search try values within the ranges, never the same twice, and draw them as dots."""
    output = tmp_path / "sweep"
    for trials in (2, 4):
        assert reid(monkeypatch, *sweep, "--search", search, "--trials", trials) == 0
        rows = json.loads((output / "sweep.json").read_text())
        assert len({row["trial"] for row in rows}) == trials
    assert all(1e-5 <= row["optimizer.lr"] <= 1e-1 and 1e-8 <= row["optimizer.weight_decay"] <= 1e-2 for row in rows)
    assert [row["eer"] for row in rows] == sorted(row["eer"] for row in rows)
    dots = (output / "sweep.svg").read_text().partition('id="line2d_')[2].count("<use")
    assert dots >= 4


def test_sweep_lists_failures(
    sweep: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trials that cannot be trained are listed, and the sweep ends with 1; the next call tries them again."""
    words = (*sweep, "--trials", "2")
    assert reid(monkeypatch, *words, "--set", "loss.traits=1") == 1
    assert capsys.readouterr().err.count("loss.traits: only drawn characters") == 2
    assert reid(monkeypatch, *words) == 0
    assert len(json.loads((tmp_path / "sweep" / "sweep.json").read_text())) == 2


def test_sweep_resumes(sweep: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sweep of two trials, asked again for three, trains one more."""
    output = tmp_path / "sweep"
    for trials in (2, 3):
        assert reid(monkeypatch, *sweep, "--trials", trials) == 0
        assert len(json.loads((output / "sweep.json").read_text())) == trials
    assert (output / "sweep.svg").read_text().startswith("<svg")


def test_sweep_compares_one_configuration(
    sweep: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trials of another configuration are not put beside those that are done."""
    assert reid(monkeypatch, *sweep, "--trials", 1) == 0
    assert reid(monkeypatch, *sweep, "--trials", 2, "--set", "loss.name=supcon") == 2
    assert "another configuration (loss.name: triplet, now supcon)" in capsys.readouterr().err
