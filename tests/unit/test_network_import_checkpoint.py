"""Weights made elsewhere: the same vectors as the original code, and no code executed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18
from torchvision.transforms import Compose, Normalize, Resize, ToTensor

from model.errors import WeightsError
from model.network.embedder import Embedder
from model.network.import_checkpoint import import_checkpoint
from model.network.weights_file import load_network
from model.synthesis import Identity, draw

_MEAN, _STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class Unit(nn.Module):
    """The last part of the seed implementation's embedder."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """To unit length."""
        return functional.normalize(rows, dim=1)


def seed_parts(dropout: bool) -> tuple[nn.Module, nn.Sequential]:
    """Trunk and embedder as the seed implementation builds them, at random weights."""
    torch.manual_seed(5)
    trunk = resnet18(weights=None)
    trunk.fc = nn.Identity()
    return trunk.eval(), nn.Sequential(nn.Dropout() if dropout else nn.Identity(), nn.Linear(512, 500), Unit()).eval()


@pytest.mark.parametrize("dropout", [False, True])
def test_seed_checkpoint_gives_the_same_vectors(tmp_path: Path, dropout: bool) -> None:
    """The imported network and the original parts agree to 1e-5."""
    trunk, embedder = seed_parts(dropout)
    content = {"trunk": trunk.state_dict(), "embedder": embedder.state_dict(), "args": [500]}
    torch.save(content, tmp_path / "seed.pth")
    info = import_checkpoint(tmp_path / "seed.pth", tmp_path / "w")
    assert (info.dimension, info.preprocessing.version) == (500, "v1-stretch-224")
    pictures = torch.rand(2, 3, 64, 64)
    normal = (pictures - _MEAN.view(1, 3, 1, 1)) / _STD.view(1, 3, 1, 1)
    with torch.inference_mode():
        found, wanted = load_network(tmp_path / "w")[0](pictures), embedder(trunk(normal))
    assert (found - wanted).abs().max() < 1e-5


def test_a_file_gives_the_vector_of_the_original_code(tmp_path: Path) -> None:
    """The whole way, from a large picture in a file, agrees with torchvision's own transforms to 1e-5."""
    trunk, embedder = seed_parts(dropout=False)
    torch.save({"trunk": trunk.state_dict(), "embedder": embedder.state_dict(), "args": [500]}, tmp_path / "seed.pth")
    import_checkpoint(tmp_path / "seed.pth", tmp_path / "w")
    draw(Identity.from_seed(1), 1, size_px=1000).resize((1500, 1000)).save(tmp_path / "1.jpg")
    prepare = Compose([Resize((224, 224)), ToTensor(), Normalize(_MEAN, _STD)])
    embedder_here = Embedder.load(tmp_path / "w", precision="fp32")
    with torch.inference_mode(), Image.open(tmp_path / "1.jpg") as picture:
        wanted = embedder(trunk(prepare(picture)[None])).numpy()
    found = embedder_here.embed(embedder_here.info.preprocessing.read((tmp_path / "1.jpg").read_bytes())[None])
    assert np.abs(found - wanted).max() < 1e-5


def test_torchvision_state(tmp_path: Path) -> None:
    """ResNet18's state becomes a network whose embedding is its features at unit length."""
    torch.manual_seed(6)
    plain = resnet18(weights=None)
    torch.save(plain.state_dict(), tmp_path / "resnet18.pth")
    assert import_checkpoint(tmp_path / "resnet18.pth", tmp_path / "w", half=False).dimension == 512
    plain.fc = nn.Identity()
    pictures = torch.rand(1, 3, 64, 64)
    normal = (pictures - _MEAN.view(1, 3, 1, 1)) / _STD.view(1, 3, 1, 1)
    with torch.inference_mode():
        wanted = functional.normalize(plain.eval()(normal), dim=1)
        assert (load_network(tmp_path / "w")[0](pictures) - wanted).abs().max() < 1e-5


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_is_executed(tmp_path: Path) -> None:
    """A checkpoint that carries code is refused, and its code does not run."""
    torch.save({"trunk": {}, "embedder": {}, "args": Trap(tmp_path / "sprung")}, tmp_path / "evil.pth")
    (tmp_path / "raw.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    for name in ("evil.pth", "raw.pkl"):
        with pytest.raises(WeightsError, match="nothing of it was executed") as refused:
            import_checkpoint(tmp_path / name, tmp_path / "w")
        assert "weights_only" not in str(refused.value)  # torch's advice to trust the file is not passed on
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "w").exists()


def test_other_files(tmp_path: Path) -> None:
    """Files that are missing, no checkpoint, or of another network are refused with their name."""
    (tmp_path / "text").write_text("hello")
    torch.save([1, 2], tmp_path / "list")
    torch.save({"a": torch.ones(1)}, tmp_path / "other")
    torch.save(
        {"trunk": {}, "embedder": {"1.weight": torch.ones(2, 512), "1.bias": torch.ones(2)}}, tmp_path / "hollow"
    )
    torch.save({"trunk": {}, "embedder": {}}, tmp_path / "empty")
    for name in ("text", "list", "other", "hollow", "empty", "none"):
        with pytest.raises(WeightsError, match=name):
            import_checkpoint(tmp_path / name, tmp_path / "w")
