"""Two processes make the step that one would have made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from model.dataset.manifest import Entry, write_manifest
from model.synthesis import Identity, draw
from model.training.config import LossConfig
from model.training.distributed import Ranks
from model.training.losses import build_loss

_TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

_PROGRAM = """
import sys
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from model.training.config import LossConfig
from model.training.distributed import join_ranks
from model.training.losses import build_loss

ranks = join_ranks()
given = load_file(sys.argv[1])
layer = nn.Linear(6, 4)
layer.load_state_dict({"weight": given["weight"], "bias": given["bias"]})
rows, labels = given["rows"][ranks.rank :: 2], given["labels"][ranks.rank :: 2]
loss = build_loss(LossConfig(name="multi-similarity"), characters=3, dimension=4)
embeddings = nn.functional.normalize(layer(rows), dim=1)
loss(ranks.gather(embeddings), ranks.gather(labels)).backward()
ranks.sum_gradients([layer])
save_file({"gradient": layer.weight.grad}, f"{sys.argv[2]}/{ranks.rank}")
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_gradients_are_those_of_one_process(tmp_path: Path) -> None:
    """Gathered embeddings and summed gradients give the whole batch's gradient in both processes, parts uneven."""
    from safetensors.torch import load_file, save_file

    torch.manual_seed(1)
    layer, rows, labels = nn.Linear(6, 4), torch.randn(9, 6), torch.arange(9) % 3
    save_file({**layer.state_dict(), "rows": rows, "labels": labels}, tmp_path / "given")
    (tmp_path / "program.py").write_text(_PROGRAM)
    done = subprocess.run(
        [*_TORCHRUN, str(tmp_path / "program.py"), str(tmp_path / "given"), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loss = build_loss(LossConfig(name="multi-similarity"), characters=3, dimension=4)
    loss(nn.functional.normalize(layer(rows), dim=1), labels).backward()
    assert layer.weight.grad is not None
    for rank in range(2):
        found = load_file(tmp_path / str(rank))["gradient"]
        assert torch.allclose(found, layer.weight.grad, atol=1e-6)


@pytest.mark.slow
def test_two_processes_list_what_either_cannot_read(tmp_path: Path) -> None:
    """A training by torchrun ends with one weights file, and names damaged pictures of both parts of a batch."""
    entries = []
    for character in range(3):
        for n in range(4):
            path = tmp_path / f"{character}-{n}.png"
            draw(Identity.from_seed(character), n, size_px=32).save(path)
            entries.append(Entry(str(path), (f"c{character}",), f"{character}{n}", "training"))
    damaged = [tmp_path / f"0-{n}.png" for n in range(4)]
    for path in damaged:
        path.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    write_manifest(tmp_path / "m.parquet", entries)
    values = ("batch.kind=characters", "batch.characters=3", "batch.pictures=4", "schedule.steps=1", "run.workers=0")
    given = [word for value in (*values, "network.size_px=64", "network.dimension=8") for word in ("--set", value)]
    command = [*_TORCHRUN, "-m", "model.cli", "train", "--manifest", str(tmp_path / "m.parquet"), "--device", "cpu"]
    output = tmp_path / "run"
    done = subprocess.run([*command, "--output", str(output), *given], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "FutureWarning" not in done.stderr
    assert all(f"skipped: {path}: " in done.stdout for path in damaged), "each in a line of its own, however long"
    assert (output / "weights.safetensors").exists()


def test_alone() -> None:
    """Without torchrun nothing is gathered and nothing changes."""
    ranks, rows = Ranks(), torch.randn(3, 2)
    assert ranks.gather(rows) is rows
    assert ranks.part([1, 2, 3]) == [1, 2, 3]
    assert Ranks(1, 2).part([1, 2, 3]) == [2]
