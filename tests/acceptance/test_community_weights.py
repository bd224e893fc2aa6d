"""`producer run` with a network and a head detector of other people, imported on the command line."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from tests.acceptance.conftest import Program
from tests.conftest import FILES
from tests.onnx_files import detector, embedder, saved

HEADS = np.array([[32, 24, 16, 16, 0.9], *[[32, 8 * n + 4, 4, 4, 0.1] for n in range(7)]])


def _reid(*words: str | Path, rc: int = 0) -> str:
    command = [sys.executable, "-m", "model", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_run_with_weights_and_detector_of_other_people(program: Program, tmp_path: Path) -> None:
    """Every file gets its outcome, with a threshold of the collection's own; the second run embeds nothing anew.

    A declaration that the network contradicts is refused before anything is written.
    """
    c = program.collection
    network = saved(embedder(batch=1), tmp_path / "network.onnx")
    declared = tmp_path / "network.toml"
    declared.write_text('size = 64\nfit = "pad"\nmean = [0.5, 0.5, 0.5]\nlicence = "MIT"\nthreshold = 0.1\n')
    weights, heads = tmp_path / "my.weights", tmp_path / "my-heads.weights"
    assert "takes no squares of 64 pixels" in _reid("weights", "import", network, "-o", weights, rc=2)
    assert not weights.exists()
    text = _reid("weights", "import", network, "-o", weights, "--size-px", "32")
    assert "licence: MIT" in text and "published threshold: 0.1 (cosine)" in text and "one by one" in text
    _reid("heads", "import", saved(detector(HEADS), tmp_path / "heads.onnx"), "-o", heads)
    more = ("--weights", weights, "--heads", heads, "--strangers", "20%")
    status = program.json(*program.sort_args(), *more, rc=1)
    outcomes = status["summary"]["outcomes"]
    assert status["to_read"] > 0 and outcomes["assigned"] > 0 and outcomes["unreadable"] == 2
    assert "20%" in program("status").stdout
    rows = list(csv.DictReader((c.output / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert Counter(row["outcome"] for row in rows) == Counter({k: v for k, v in outcomes.items() if v})
    assert len(rows) == FILES
    again = program.json(*program.sort_args(), *more, rc=1)
    assert again["to_read"] == 0 and again["reused"] == FILES
    other = program.json(*program.sort_args(), "--weights", weights, rc=1)
    assert other["to_read"] == status["to_read"], "another detector is another space"
