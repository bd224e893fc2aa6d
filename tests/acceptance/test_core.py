"""The installation without any extra: what it does, and what it says where one is missing."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import BIN, Program
from tests.conftest import FILES, PLUGINS

ROOT = Path(__file__).parents[2]
EXTRAS = (
    "torch torchvision pytorch_metric_learning sklearn scipy optuna matplotlib tensorboard jinja2 filelock"
    " onnx onnxruntime huggingface_hub s3fs"
)
"""Whoever imports one of these in the core gets an error."""


@pytest.fixture
def reid(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `reid` in the core."""
    env = {**os.environ, "PYTHONPATH": str(PLUGINS), "WITHOUT": EXTRAS}
    return lambda *words: subprocess.run([BIN / "reid", *words], env=env, cwd=tmp_path, capture_output=True, text=True)


def test_the_core_sorts(program: Program) -> None:
    """`producer run` with its broker, workers and reducer needs no extra; nor do help, list and undo."""
    program.env.update({"PYTHONPATH": str(PLUGINS), "WITHOUT": EXTRAS})
    assert "enqueue" in program("--help").stdout
    out = program.sort("run", "--json").stdout
    assert json.loads(out)["summary"]["files"] == FILES
    assert len(json.loads(program("list", "--json").stdout)) == 1
    assert "undone" in program("undo").stderr
    assert "pip install 'oshiwake[s3]'" in program("status", "--store", "s3://bucket/store", rc=2).stderr


def test_the_core_looks_at_weights_and_references(
    reid: Callable[..., subprocess.CompletedProcess[str]], program: Program
) -> None:
    """What a person needs beside sorting: to see the weights, and to ask what to expect of references."""
    assert "resnet18-linear" in reid("weights", "show").stdout
    found = reid("calibrate", program.collection.references, "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["characters"] == 3


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["train", "-o", "t"], "training"),
        (["weights", "import", "checkpoint.mdl", "-o", "w"], "gpu"),
        (["evaluate", "--drawn", "2", "--device", "cuda"], "gpu"),
    ],
)
def test_a_command_that_needs_more_says_what(
    words: list[str], extra: str, reid: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """In one line, with what to install, before it does anything."""
    found = reid(*words)
    assert found.returncode == 2 and found.stderr.count("\n") == 1
    assert found.stderr.endswith(f": pip install 'oshiwake[{extra}]'\n")


def test_no_extra_is_a_dependency_of_the_core() -> None:
    """torch alone brings gigabytes of CUDA libraries."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    heavy = ("torch", "pytorch", "scikit", "scipy", "matplotlib", "optuna", "tensorboard")
    assert [name for name in project["dependencies"] if name.startswith(heavy)] == []
