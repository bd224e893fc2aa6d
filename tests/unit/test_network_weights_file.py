"""Weights files: what is written is read, and whatever else a file is, it is refused with its name."""

from __future__ import annotations

import json
import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from model.errors import WeightsError
from model.images.decoding import READING
from model.images.preprocessing import Preprocessing
from model.network.architecture import ARCHITECTURE
from model.network.resnet18 import Network
from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo, load_network, read_info, save_network


@pytest.fixture(scope="module")
def network() -> Network:
    """A network with random numbers, none of them at its initial zero or one."""
    torch.manual_seed(20261123)
    network = Network(8).eval()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) * 0.01)
    return network


@pytest.fixture(scope="module")
def saved(network: Network, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WeightsInfo]:
    """A file with that network in full precision."""
    path = tmp_path_factory.mktemp("weights") / "full.safetensors"
    info = save_network(
        path,
        network,
        preprocessing=Preprocessing("stretch", 64),
        threshold=0.412345678,
        measured={"set": "drawings 絵", "eer": 0.1},
        recipe={"seed": 7},
    )
    return path, info


Rewrite = Callable[..., Path]


@pytest.fixture
def rewrite(saved: tuple[Path, WeightsInfo], tmp_path: Path) -> Rewrite:
    """Write the file again with other metadata (None takes a value away) or other tensors."""

    def write(tensors: dict[str, torch.Tensor] | None = None, **changes: str | None) -> Path:
        with safe_open(saved[0], framework="pt") as file:
            metadata = {**file.metadata(), **changes}
            kept = {name: file.get_tensor(name) for name in file.keys()} if tensors is None else tensors  # noqa: SIM118
        path = tmp_path / "other.safetensors"
        save_file(kept, path, metadata={name: value for name, value in metadata.items() if value is not None})
        return path

    return write


def refused(path: Path, reason: str, *, load: bool = False) -> None:
    """Assert that a file is refused in one line with its name and a reason."""
    with pytest.raises(WeightsError) as caught:
        load_network(path) if load else read_info(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert reason in message
    assert "\n" not in message


class TestRoundTrip:
    def test_description(self, saved: tuple[Path, WeightsInfo]) -> None:
        """What was said of the weights is read back, the threshold to six digits."""
        path, info = saved
        found = read_info(path)
        assert found.threshold == pytest.approx(0.412345678, abs=5e-7)
        assert (found.preprocessing, found.dimension, found.architecture) == (
            Preprocessing("stretch", 64),
            8,
            ARCHITECTURE,
        )
        assert (found.measured, found.recipe) == ({"set": "drawings 絵", "eer": 0.1}, {"seed": 7})
        assert found.digest == info.digest
        assert found.embedding_key == f"{info.digest[:16]}-v2-stretch-64-r{READING}"

    def test_numbers(self, saved: tuple[Path, WeightsInfo], network: Network) -> None:
        """Every tensor is read back bit by bit, and the network is ready to evaluate."""
        loaded, info = load_network(saved[0])
        assert info == read_info(saved[0])
        assert not loaded.training
        wanted, found = network.state_dict(), loaded.state_dict()
        assert wanted.keys() == found.keys()
        assert all(torch.equal(wanted[name], found[name]) for name in wanted)

    def test_half_precision(self, network: Network, saved: tuple[Path, WeightsInfo], tmp_path: Path) -> None:
        """Half the size, float32 again when loaded, the same numbers to three digits, another identity."""
        path = tmp_path / "half.safetensors"
        info = save_network(path, network, preprocessing=Preprocessing(), threshold=0.5, half=True)
        assert path.stat().st_size < 0.51 * saved[0].stat().st_size
        assert info.digest != saved[1].digest
        loaded, _ = load_network(path)
        for name, tensor in network.state_dict().items():
            found = loaded.state_dict()[name]
            assert found.dtype == tensor.dtype
            assert torch.allclose(found, tensor, rtol=1e-3, atol=1e-6)

    def test_same_network_same_digest(self, network: Network, saved: tuple[Path, WeightsInfo], tmp_path: Path) -> None:
        """The digest is that of the numbers, whatever threshold or remark stands beside them."""
        again = save_network(tmp_path / "a", network, preprocessing=Preprocessing(), threshold=1.0)
        assert again.digest == saved[1].digest
        loaded, _ = load_network(saved[0])
        loaded.head.bias.data[0] += 1e-6
        assert save_network(tmp_path / "b", loaded, preprocessing=Preprocessing(), threshold=1.0).digest != again.digest

    def test_saving_makes_folders_and_leaves_nothing_else(self, network: Network, tmp_path: Path) -> None:
        """Saving makes the folders on the way, replaces what stood there, and leaves no unfinished file."""
        path = tmp_path / "new" / "folder" / "w.safetensors"
        for threshold in (0.25, 0.5):
            save_network(path, network, preprocessing=Preprocessing(), threshold=threshold)
            assert read_info(path).threshold == threshold
        assert list(path.parent.iterdir()) == [path]

    def test_shared_like_any_file(self, network: Network, tmp_path: Path) -> None:
        """The file has the permissions that the person's umask gives, so that workers of others may read it."""
        plain, path = tmp_path / "plain", tmp_path / "w"
        plain.touch()
        save_network(path, network, preprocessing=Preprocessing(), threshold=0.5)
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)

    def test_failed_saving_leaves_nothing(self, network: Network, tmp_path: Path) -> None:
        """When saving fails, the folder is as before."""
        (tmp_path / "w").mkdir()
        with pytest.raises(OSError):
            save_network(tmp_path / "w", network, preprocessing=Preprocessing(), threshold=0.5)
        assert [path.name for path in tmp_path.iterdir()] == ["w"]


class TestRefused:
    def test_missing(self, tmp_path: Path) -> None:
        """No such file."""
        refused(tmp_path / "none", "No such file")
        with pytest.raises(WeightsError) as caught:
            read_info(tmp_path / "none")
        assert str(caught.value).count("none") == 1

    def test_folder(self, tmp_path: Path) -> None:
        """A folder is no weights file."""
        refused(tmp_path, "")

    @pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 100, b"\x08\0\0\0\0\0\0\0notjson!"])
    def test_not_safetensors(self, content: bytes, tmp_path: Path) -> None:
        """Something else entirely."""
        path = tmp_path / "w"
        path.write_bytes(content)
        refused(path, "not a safetensors file")

    def test_pickle_is_never_run(self, tmp_path: Path) -> None:
        """A pickle, bare or as torch writes it, is refused and nothing in it is run."""
        mark = tmp_path / "run"

        class Trap:
            def __reduce__(self) -> tuple[object, ...]:
                return os.mkdir, (str(mark),)

        bare, packed = tmp_path / "bare.pt", tmp_path / "packed.pt"
        bare.write_bytes(pickle.dumps(Trap()))
        torch.save({"weight": Trap()}, packed)
        for path in (bare, packed):
            for load in (False, True):
                refused(path, "not a safetensors file", load=load)
        assert not mark.exists()

    def test_of_another_program(self, tmp_path: Path) -> None:
        """Safetensors, but not ours, with metadata or without."""
        for metadata in (None, {"format": "pt"}):
            save_file({"x": torch.zeros(2)}, tmp_path / "w", metadata=metadata)
            refused(tmp_path / "w", "not weights of this program")

    def test_newer_version(self, rewrite: Rewrite) -> None:
        """A file of a newer program names both versions."""
        refused(rewrite(version="2"), "weights version 2; this program reads 1")

    @pytest.mark.parametrize("name", ["digest", "architecture", "dimension", "preprocessing", "threshold"])
    def test_incomplete(self, name: str, rewrite: Rewrite) -> None:
        """Each value is needed."""
        refused(rewrite(**{name: None}), name)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("dimension", "many"),
            ("dimension", "0"),
            ("dimension", "-8"),
            ("threshold", "near"),
            ("threshold", "nan"),
            ("threshold", "2.5"),
            ("threshold", "-0.1"),
            ("preprocessing", "v9-pad-128"),
            ("measured", "{"),
            ("measured", "[" * 100_000),
            ("recipe", "3"),
        ],
    )
    def test_senseless(self, name: str, value: str, rewrite: Rewrite) -> None:
        """A value that cannot be is refused when the description is read, not in the middle of a run."""
        refused(rewrite(**{name: value}), "")

    def test_other_architecture(self, rewrite: Rewrite) -> None:
        """Another network is refused when its description is read, before anything is made; both names are said."""
        refused(rewrite(architecture="vit-tiny"), f"architecture 'vit-tiny', not '{ARCHITECTURE}'")

    @pytest.mark.parametrize("dimension", ["9", "1000000000000"])
    def test_other_dimension(self, dimension: str, rewrite: Rewrite) -> None:
        """Tensors that do not have the dimension that the metadata says."""
        refused(rewrite(dimension=dimension), "do not fit", load=True)

    def test_missing_tensor(self, saved: tuple[Path, WeightsInfo], rewrite: Rewrite) -> None:
        """A file without one of the tensors is damaged."""
        tensors = load_network(saved[0])[0].state_dict()
        del tensors["head.bias"]
        refused(rewrite(tensors), "do not match the digest", load=True)

    def test_odd_numbers(self, rewrite: Rewrite) -> None:
        """Numbers of a kind that numpy does not know are refused in one line."""
        refused(rewrite({"head.bias": torch.zeros(8, dtype=torch.bfloat16)}), "do not fit", load=True)

    @given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
    @settings(
        deadline=None, derandomize=True, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_damage(self, saved: tuple[Path, WeightsInfo], tmp_path: Path, place: float, bit: int) -> None:
        """A single wrong bit anywhere in the numbers is found by the digest."""
        content = bytearray(saved[0].read_bytes())
        start = 8 + int.from_bytes(content[:8], "little")
        content[start + int(place * (len(content) - start))] ^= 1 << bit
        path = tmp_path / "damaged"
        path.write_bytes(content)
        assert read_info(path) == read_info(saved[0])
        refused(path, "do not match the digest", load=True)

    def test_cut_off(self, saved: tuple[Path, WeightsInfo], tmp_path: Path) -> None:
        """A file whose copying was interrupted is seen at once, without reading the numbers."""
        path = tmp_path / "cut"
        path.write_bytes(saved[0].read_bytes()[:-1000])
        refused(path, "not a safetensors file")


@pytest.mark.skipif(not DEFAULT_WEIGHTS.exists(), reason="the shipped weights are not made yet")
def test_shipped_weights() -> None:
    """The weights of the package can be loaded and say how their threshold was measured."""
    network, info = load_network(DEFAULT_WEIGHTS)
    assert (network.dimension, info.dimension) == (500, 500)
    assert 0 < info.threshold < 2
    assert json.dumps(info.measured) != "{}"
    assert all(np.isfinite(tensor.numpy()).all() for tensor in network.state_dict().values())
