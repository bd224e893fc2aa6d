"""`reid adapt`: the closed form, what it refuses, and Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from model.adaptation.adapt_command import list_sorted
from model.cli import main
from model.images.decoding import decode
from model.matching.cohort import Cohort, add_cohort, read_cohort
from model.network.embedder import Embedder
from model.network.weights_file import metadata_of, read_info
from model.synthesis import Identity, draw
from model.terminal import Terminal
from model.work_progress import WorkProgress
from tests.unit.network_files import save_weights
from tests.unit.unit_vectors import unit

SIDE, COLOURS = 32, 8


CONFIDENCE = (-0.5, -0.25, 0.5, 0.25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six characters with four pictures each, one with a single one, a file that is no picture, and a broken one."""
    root = tmp_path_factory.mktemp("sorted")
    for character in range(7):
        (root / f"c{character}").mkdir()
        for n in range(4 if character < 6 else 1):
            picture = draw(Identity.from_seed(character), n, size_px=64, variety="gentle")
            picture.save(root / f"c{character}" / f"{n}.png")
    (root / "c0" / "none.png").write_bytes(b"no picture")
    (root / "c1" / "cut.png").write_bytes((root / "c1" / "0.png").read_bytes()[:60])
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights with colours, a cohort, and a line of their author's."""
    path = save_weights(tmp_path_factory.mktemp("weights") / "before.safetensors", COLOURS, SIDE)
    vectors = unit(np.random.default_rng(0).normal(size=(40, 200)))
    add_cohort(path, Cohort(vectors, CONFIDENCE))
    save_file(load_file(path), path, metadata=metadata_of(read_info(path)) | {"licence": "CC0-1.0"})
    return path


def reid(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run `reid` in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["reid", *(str(word) for word in words)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_closed_form(
    folder: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Weights of their own, with origin, cohort and threshold; progress from the first line on; bad files are told."""
    from safetensors import safe_open

    path = tmp_path / "mine.safetensors"
    assert reid(monkeypatch, "adapt", folder, "-o", path, "--init", weights) == 1
    told = capsys.readouterr()
    assert told.err.startswith("listing the pictures\n")
    assert "embedding: 0 of 25 pictures\n" in told.err
    assert f"failed: {folder / 'c0' / 'none.png'}: not a picture" in told.err
    assert f"failed: {folder / 'c1' / 'cut.png'}: " in told.err
    assert "24 pictures and" in told.out and "of 6 characters" in told.out and "% before" in told.out

    before, after = read_info(weights), read_info(path)
    assert after.digest != before.digest
    assert (after.architecture, after.preprocessing) == (before.architecture, before.preprocessing)
    assert after.recipe["origin"]["digest"] == before.digest
    assert after.measured.keys() >= {"eer", "eer_before", "set", "threshold_is"}
    with safe_open(path, framework="numpy") as file:
        assert file.metadata()["licence"] == "CC0-1.0"

    # The cohort is what the new network would make of the old vectors' pictures: so are the pictures here.
    shown = [decode((folder / f"c{n}" / "0.png").read_bytes()) for n in range(6)]
    squares = np.stack([before.preprocessing(picture) for picture in shown])
    old, new = (Embedder.load(one, precision="fp32").embed(squares) for one in (weights, path))
    add_cohort(weights_with := Path(shutil.copy(weights, tmp_path / "seen.safetensors")), Cohort(old, CONFIDENCE))
    assert reid(monkeypatch, "adapt", folder, "-o", tmp_path / "again", "--init", weights_with) == 1
    turned = read_cohort(tmp_path / "again" / "weights.safetensors", before.dimension)
    assert turned is not None and turned.confidence == CONFIDENCE
    assert turned.vectors == pytest.approx(new, abs=2e-3)

    kept, drawn = (read_cohort(one, before.dimension) for one in (weights, path))
    assert kept is not None and drawn is not None
    upper = np.triu_indices(len(kept.vectors), 1)
    shares = [
        np.mean((1 - one.vectors @ one.vectors.T)[upper] <= info.threshold)
        for one, info in ((kept, before), (drawn, after))
    ]
    assert shares[0] == pytest.approx(shares[1], abs=2 / len(upper[0]))

    capsys.readouterr()
    assert reid(monkeypatch, "weights", "show", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["method"] == "within-class whitening"
    content = path.read_bytes()
    assert reid(monkeypatch, "adapt", folder, "-o", path, "--init", weights) == 2
    assert "exists" in capsys.readouterr().err
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("characters", "more", "reason"),
    [
        (1, [], "fewer than two characters"),
        (0, [], "no picture in a folder"),
        (6, ["--resume"], "belong to --train"),
        (6, ["--set", "seed=2"], "belong to --train"),
        (6, ["--train"], "the output is a folder"),
        (6, ["--init", "none.safetensors"], "none.safetensors"),
    ],
)
def test_refusals(
    characters: int,
    more: list[str],
    reason: str,
    folder: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing to learn from, or options that do not fit: a line, code 2, and no file."""
    (tmp_path / "in").mkdir()
    for n in range(characters):
        shutil.copytree(folder / f"c{n}", tmp_path / "in" / f"c{n}")
    output = tmp_path / "mine.safetensors"
    assert reid(monkeypatch, "adapt", tmp_path / "in", "-o", output, "--init", weights, *more) == 2
    assert reason in capsys.readouterr().err
    assert not output.exists()


def test_too_few_to_measure(
    folder: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two characters are enough to fit, and not to say what it gains."""
    for n in (2, 3):
        shutil.copytree(folder / f"c{n}", tmp_path / "in" / f"c{n}")
    assert reid(monkeypatch, "adapt", tmp_path / "in", "-o", tmp_path / "out", "--init", weights) == 0
    assert "nothing measured" in capsys.readouterr().out


@pytest.mark.parametrize(("most", "counts"), [(100, [4] * 5 + [5]), (16, [2] * 4 + [4] * 2), (8, [2] * 4)])
def test_a_large_collection_is_sampled(folder: Path, most: int, counts: list[int]) -> None:
    """Two pictures of each character come first, then two more: no character is left with one."""
    found = list_sorted(folder, WorkProgress(Terminal(quiet=True), "pictures"), most=most)
    labels = [label for _, label in found.files]
    assert sorted(labels.count(label) for label in set(labels)) == counts
    assert all(Path(path).parent.name == found.characters[label] for path, label in found.files)


def interrupted(words: list[str], after: str) -> tuple[int, str]:
    """Start `reid`, send Ctrl-C after a line that begins so; return exit code and standard error.

    As from a terminal, the signal reaches the processes that load pictures too.
    """
    command = [sys.executable, "-m", "model.cli", *words]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if line.startswith(after):
                os.killpg(process.pid, signal.SIGINT)
                after = "\0"
    return process.returncode, told


def test_ctrl_c_in_the_closed_form(folder: Path, weights: Path, tmp_path: Path) -> None:
    """It ends at once, writes nothing, and says which command begins anew."""
    output = tmp_path / "my own.safetensors"
    words = ["adapt", str(folder), "--init", str(weights), "-o", str(output)]
    code, told = interrupted(words, "loading the network")
    assert code == 130 and "Traceback" not in told
    assert told.splitlines()[-1].endswith(shlex.join(["reid", *words]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_in_a_training(folder: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The step that is under way is kept, and the command that is printed goes on to the end."""
    given = ("schedule.steps=30", "run.workers=1", "run.evaluate_steps=3", "batch.characters=3", "run.threads=1")
    settings = [word for value in given for word in ("--set", value)]
    output = tmp_path / "runs" / "my own"
    words = ["adapt", str(folder), "--train", "--device", "cpu", "--init", str(weights), "-o", str(output), *settings]
    code, told = interrupted(words, "step=3 ")
    assert code == 130 and "Traceback" not in told
    before, _, command = told.splitlines()[-1].partition("; go on with: reid ")
    step = int(before.split()[3].rstrip(","))
    assert 3 <= step < 30
    assert "training: 0 of 30 steps" in told
    assert reid(monkeypatch, *shlex.split(command)) == 1  # for the file that is no picture
    assert (output / "weights.safetensors").exists()
    assert read_info(output / "weights.safetensors").recipe["steps"] == 30
