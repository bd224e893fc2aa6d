"""`reid heads train`: from nothing to a weights file that finds heads by both engines; resumed exactly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.errors import CheckpointError, ConfigurationError
from model.heads.config import HeadsConfig
from model.heads.detector import HeadDetector
from model.heads.network import HeadNetwork, folded, run_folded
from model.heads.openvino_graph import build_detector
from model.heads.trainer import HeadsTrainer
from model.heads.weights_file import load_detector
from model.network.openvino_runtime import openvino_core

RECIPE = Path(__file__).parents[2] / "model" / "recipes" / "heads.toml"
TINY = HeadsConfig(steps=5, batch=2, warmup=1, workers=0, checkpoint_steps=2)


class Killed(Exception):
    """Ends a training in its midst."""


def test_a_killed_training_resumes_exactly(tmp_path: Path) -> None:
    """The weights are those of a training that was left alone, bit for bit; work since the checkpoint is done again."""
    whole = HeadsTrainer(TINY, tmp_path / "whole")
    whole.run(lambda step, loss: None)

    def dies(step: int, loss: float) -> None:
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        HeadsTrainer(TINY, tmp_path / "killed").run(dies)
    again = HeadsTrainer(TINY, tmp_path / "killed")
    assert again.state.step == 2
    again.run(lambda step, loss: None)
    first, second = (load_detector(one.export("reid")) for one in (whole, again))
    assert first[1] == second[1]


def test_the_command_trains_and_tells_its_file(tmp_path: Path) -> None:
    """Its log says how fast it is; said again, it is done at once; with other values it is refused."""
    pictures = tmp_path / "backgrounds"
    pictures.mkdir()
    Image.new("RGB", (90, 60), "teal").save(pictures / "a.png")
    (pictures / "notes.txt").write_text("no picture")
    values = ["steps=2", "batch=2", "workers=0", "checkpoint_steps=1"]
    command = [sys.executable, "-m", "model", "heads", "train", "--output", str(tmp_path / "out")]
    command += ["--backgrounds", str(pictures), *(f"--set={value}" for value in values)]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(tmp_path / "out" / "heads.safetensors")
    HeadDetector.load(Path(done.stdout.strip()))
    other = subprocess.run([*command, "--set=lr=0.1"], capture_output=True, text=True, check=False)
    assert other.returncode == 2 and "another configuration" in other.stderr


def test_the_shipped_recipe_can_be_read() -> None:
    """And its digest does not depend on how long it trains, so that a training may go on."""
    config, longer, other = (HeadsConfig.from_toml(RECIPE, values) for values in ([], ["steps=9"], ["seed=9"]))
    assert config.digest == longer.digest != other.digest


@pytest.mark.parametrize(("value", "words"), [("steps=0", "steps"), ("colour=1", "colour"), ("lr=fast", "lr")])
def test_a_wrong_value_is_named(tmp_path: Path, value: str, words: str) -> None:
    """With the file and the key."""
    config = tmp_path / "heads.toml"
    config.write_text("steps = 1\n")
    with pytest.raises(ConfigurationError, match=words):
        HeadsConfig.from_toml(config, [value])


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    """Nothing is trained."""
    (tmp_path / "checkpoint.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors"):
        HeadsTrainer(TINY, tmp_path)


def test_folded_numbers_answer_as_the_trained_network() -> None:
    """By torch, and by OpenVINO as far as its precision goes."""
    torch.manual_seed(3)
    network = HeadNetwork().train()
    squares = np.random.default_rng(3).integers(0, 255, (2, 224, 224, 3), np.uint8)
    pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255 - 0.5
    with torch.no_grad():
        for _ in range(5):
            network(pixels)  # so that the norms have seen something
        wanted = network.eval()(pixels).numpy()
        numbers = folded(network.state_dict())
        found = run_folded({name: torch.from_numpy(array) for name, array in numbers.items()}, pixels).numpy()
    assert wanted.shape == (2, 5, 28, 28) and np.abs(found - wanted).max() < 1e-3
    compiled = openvino_core().compile_model(build_detector(numbers), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answer = compiled.create_infer_request().infer({0: squares})[0]
    assert np.abs(np.array(answer) - wanted).max() < 0.02
