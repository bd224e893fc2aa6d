"""Hostile and broken ONNX: refused with its name and the cause, before anything of it is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open
from safetensors.numpy import save_file

from model.errors import WeightsError
from model.network.embedder import Embedder
from model.network.weights_file import read_info, tensor_digest
from model.onnx.declaration import Declaration
from model.onnx.import_network import import_network
from model.onnx.import_process import import_embedder
from model.onnx.onnx_file import read_onnx
from tests.onnx_files import SIDE_PX, embedder, saved


def _external(location: str, **more: str) -> onnx.ModelProto:
    """A network whose linear layer lies in another file."""
    network = embedder()
    tensor = next(one for one in network.graph.initializer if one.name == "linear")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return network


def _loop() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["going"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("going", TensorProto.BOOL, [])],
    )
    return embedder(more=[helper.make_node("Loop", ["", ""], [], body=body)])


def _in_a_branch(node: onnx.NodeProto) -> onnx.ModelProto:
    """The operator where only one who looks into branches finds it."""
    branch = helper.make_graph([node], "branch", [], [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)])
    return embedder(more=[helper.make_node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch)])


def _with_function() -> onnx.ModelProto:
    network = embedder()
    body = [helper.make_node("Identity", ["a"], ["b"])]
    network.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 18)]))
    return network


def _too_small_tensor() -> onnx.ModelProto:
    network = embedder()
    network.graph.initializer[0].dims[0] = 1 << 40
    return network


CUSTOM = helper.make_node("Steal", ["output"], ["x"], domain="evil")
HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "a custom operator": (lambda: embedder(more=[CUSTOM]), r"custom operator evil\.Steal"),
    "a custom operator in a branch": (lambda: _in_a_branch(CUSTOM), "custom operator"),
    "an unknown operator": (lambda: embedder(more=[helper.make_node("Steal", ["output"], ["x"])]), "no valid ONNX"),
    "a loop": (_loop, "loops"),
    "a function": (_with_function, "functions"),
    "many operators": (
        lambda: embedder(more=[helper.make_node("Relu", ["output"], [f"x{n}"]) for n in range(50_001)]),
        "more than 50,000 operators",
    ),
    "a tensor that claims more than it has": (_too_small_tensor, "no valid ONNX"),
    "data by an absolute path": (lambda: _external("/etc/passwd"), "no file in its own folder"),
    "data in the folder above": (lambda: _external("../secret"), "no file in its own folder"),
    "data behind a link": (lambda: _external("link"), "no file in its own folder"),
    "data in a folder": (lambda: _external("."), "no file in its own folder"),
    "data that is not there": (lambda: _external("none"), "no file in its own folder"),
    "data without a name": (lambda: _external(""), "no file in its own folder"),
    "data that is too short": (lambda: _external("data", length="9999999"), "cut off"),
    "data of a negative length": (lambda: _external("data", length="-5"), "more than"),
    "more data than there may be": (lambda: _external("data", length=str(1 << 40)), "more than"),
    "data described by no number": (lambda: _external("data", offset="x"), "described wrongly"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_onnx_is_refused(tmp_path: Path, name: str) -> None:
    """By its name and the cause."""
    folder = tmp_path / "network"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(24 * 16 * 4))
    (folder / "data").write_bytes(bytes(100))
    (folder / "link").symlink_to(tmp_path / "secret")
    make, words = HOSTILE[name]
    path = saved(make(), folder / "network.onnx")
    with pytest.raises(WeightsError, match=words) as caught:
        read_onnx(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_external_data_in_the_folder_is_taken_in(tmp_path: Path) -> None:
    """The weights are the same as those of a network in one file."""
    inline = import_network(saved(embedder(), tmp_path / "a.onnx"), tmp_path / "a", Declaration())[0]
    linear = next(one for one in embedder().graph.initializer if one.name == "linear")
    (tmp_path / "data").write_bytes(b"before" + linear.raw_data + b"behind")
    network = _external("data", offset="6", length=str(len(linear.raw_data)))
    assert import_network(saved(network, tmp_path / "b.onnx"), tmp_path / "b", Declaration())[0].digest == inline.digest


@pytest.mark.parametrize("kept", [0, 1, 100, 2000, -1])
def test_a_cut_off_file_is_refused(tmp_path: Path, kept: int) -> None:
    """Wherever it ends."""
    path = tmp_path / "network.onnx"
    path.write_bytes(embedder().SerializeToString()[:kept])
    with pytest.raises(WeightsError, match=r"not ONNX|no valid ONNX"):
        read_onnx(path)


WRONG = {
    "of another size": (embedder(), Declaration(size=64), "no squares of 64 pixels"),
    "of another layout": (embedder(), Declaration(layout="NHWC"), "no NHWC with three channels"),
    "without a size": (embedder(size="h"), Declaration(), "declare one"),
    "with several outputs": (embedder(tags=True), Declaration(), "tags, output: declare one"),
    "without that output": (embedder(), Declaration(output="features"), "none is 'features'"),
    "of another length than one": (embedder(), Declaration(normalise=False), "declare normalise = true"),
    "that gives no numbers": (embedder(bias=np.nan), Declaration(), "zero or not numbers: are scale, mean and dev"),
    "that tells no pictures apart": (embedder(bias=1e15), Declaration(), "every picture the same vector"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_declaration_is_refused(tmp_path: Path, name: str) -> None:
    """With what the network takes and gives."""
    network, declared, words = WRONG[name]
    path = saved(network, tmp_path / "network.onnx")
    with pytest.raises(WeightsError, match=words) as caught:
        import_network(path, tmp_path / "my.weights", declared)
    assert str(caught.value).startswith(f"{path}: ") and not (tmp_path / "my.weights").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mean = [1, 2]", "mean"),
        ("size = 5", "size"),
        ("colour = 'RGB'", "colour"),
        ("=", "network.toml"),
        ("scale = 0", "scale"),
    ],
)
def test_a_wrong_declaration_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With the value that is none."""
    (tmp_path / "network.toml").write_text(text)
    with pytest.raises(WeightsError, match=words) as caught:
        Declaration.beside(tmp_path / "network.onnx", {})
    assert str(caught.value).startswith(f"{tmp_path / 'network.toml'}: ")


def test_a_network_that_takes_all_memory_ends_alone(tmp_path: Path) -> None:
    """A few bytes that ask for 40 terabytes are tried in a process of their own."""
    huge = numpy_helper.from_array(np.array([100_000, 100_000, 1000]), "huge")
    network = embedder()
    network.graph.initializer.append(huge)
    network.graph.node.insert(0, helper.make_node("ConstantOfShape", ["huge"], ["zeros"]))
    network.graph.node.insert(1, helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0))
    network.graph.node[-1].input[1] = "zero"
    path = saved(network, tmp_path / "network.onnx")
    with pytest.raises(WeightsError) as caught:
        import_embedder(path, tmp_path / "my.weights", Declaration())
    assert str(caught.value).startswith(f"{path}: ") and not (tmp_path / "my.weights").exists()


def _rewritten(path: Path, network: bytes | NDArray[Any], **changes: str) -> Path:
    """A weights file with another network, as a hostile store may have it: its digest is right."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = {"onnx": np.frombuffer(network, np.uint8) if isinstance(network, bytes) else network}
    other = path.with_name("other.weights")
    save_file(tensors, other, metadata={**metadata, "digest": tensor_digest(tensors.items()), **changes})
    return other


def test_a_hostile_weights_file_is_refused(tmp_path: Path) -> None:
    """What a store holds is looked at as closely as what is imported: no external data at all, no other input."""
    (tmp_path / "data").write_bytes(bytes(24 * 16 * 4))
    path = tmp_path / "my.weights"
    import_network(saved(embedder(), tmp_path / "network.onnx"), path, Declaration())
    with safe_open(path, framework="numpy") as file:
        good = file.get_tensor("onnx").tobytes()
    assert Embedder.load(_rewritten(path, good)).info.digest == read_info(path).digest
    spoilt: list[tuple[bytes | NDArray[Any], dict[str, str], str]] = [
        (_external("data").SerializeToString(), {}, "external data"),
        (embedder().SerializeToString(), {}, "does not take pictures"),
        (embedder(more=[CUSTOM]).SerializeToString(), {}, "custom operator"),
        (good[:-100], {}, "not ONNX|no valid"),
        (np.zeros(4, np.float32), {}, "no ONNX network"),
        (good, {"preprocessing": "v2-stretch-64"}, f"squares of {SIDE_PX} pixels, not 64"),
        (good, {"dimension": "17"}, "not 1 x 17"),
        (good, {"architecture": "resnet18-linear"}, "do not fit"),
        (good, {"digest": "0" * 64}, "damaged"),
    ]
    for network, changes, words in spoilt:
        with pytest.raises(WeightsError, match=words):
            Embedder.load(_rewritten(path, network, **changes))
