"""Networks of other people: what is wrapped gives the vectors that the network itself gives of the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from model.errors import EngineMissing, WeightsError
from model.network.embedder import Embedder
from model.network.weights_file import load_network, read_info
from model.onnx.declaration import Declaration
from model.onnx.import_network import import_network
from model.onnx.runtime import load_runtime
from tests.onnx_files import NUMBERS, SIDE_PX, embedder, metric, saved

PIXELS = np.random.default_rng(0).integers(0, 256, (6, SIDE_PX, SIDE_PX, 3), np.uint8)

triples = st.tuples(*[st.floats(0.25, 1.0, width=32)] * 3)


def plain(network: onnx.ModelProto, declared: Declaration, output: str = "output") -> NDArray[np.float32]:
    """The oracle: the preprocessing step by step in numpy, the network by ONNX's own reference."""
    values = PIXELS.astype(np.float64)
    if declared.colours == "BGR":
        values = values[..., ::-1]
    values = (values / declared.scale - declared.mean) / declared.deviation
    if declared.layout == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    kind = onnx.helper.tensor_dtype_to_np_dtype(network.graph.input[0].type.tensor_type.elem_type)
    found = np.array([*ReferenceEvaluator(network).run([output], {"input": values.astype(kind)})], np.float64)[0]
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def imported(network: onnx.ModelProto, folder: Path, declared: Declaration) -> Embedder:
    """Import a network, and load what was written."""
    import_network(saved(network, folder / "network.onnx"), folder / "my.weights", declared)
    return Embedder.load(folder / "my.weights", precision="fp32", threads=1)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["RGB", "BGR"]),
    st.sampled_from(["NCHW", "NHWC"]),
    st.sampled_from([1.0, 255.0]),
    triples,
    triples,
)
def test_declared_preprocessing_is_what_happens(
    tmp_path: Path, colours: Any, layout: Any, scale: float, mean: Any, deviation: Any
) -> None:
    """Order of the channels, layout, scale, mean and deviation, as numpy and ONNX's reference do it."""
    declared = Declaration(colours=colours, layout=layout, scale=scale, mean=mean, deviation=deviation)
    network = embedder(layout=layout)
    found = imported(network, tmp_path, declared).embed(PIXELS)
    np.testing.assert_allclose(found, plain(network, declared), atol=2e-4)


@pytest.mark.parametrize(
    ("form", "declared"),
    [
        ({"batch": 1}, Declaration()),
        ({"kind": onnx.TensorProto.FLOAT16}, Declaration()),
        ({"tags": True}, Declaration(output="output")),
        ({"tags": True}, Declaration(output=1)),
        ({"size": "h"}, Declaration(size=SIDE_PX)),
    ],
)
def test_forms_of_networks(tmp_path: Path, form: dict[str, Any], declared: Declaration) -> None:
    """Made for one picture at once, in half precision, with tags before the embedding, for any size."""
    network = embedder(**form)
    one = embedder(**{name: value for name, value in form.items() if name != "batch"})
    found = imported(network, tmp_path, declared).embed(PIXELS)
    tolerance = 2e-2 if "kind" in form else 2e-4
    np.testing.assert_allclose(found, plain(one, declared), atol=tolerance)


def test_what_the_output_does_not_need_is_left_out(tmp_path: Path) -> None:
    """The weights of a tagger's tags are not in the file, and its digest does not depend on them."""
    declared = Declaration(output="output")
    with_tags, _ = import_network(saved(embedder(tags=True), tmp_path / "a.onnx"), tmp_path / "a", declared)
    without, _ = import_network(saved(embedder(), tmp_path / "b.onnx"), tmp_path / "b", declared)
    assert with_tags.digest == without.digest


def test_the_digest_tells_what_vectors_are_made(tmp_path: Path) -> None:
    """Another mean is another network; another threshold or licence is not."""
    path = saved(embedder(), tmp_path / "network.onnx")
    digests = [
        import_network(path, tmp_path / "my.weights", declared)[0].digest
        for declared in (Declaration(), Declaration(threshold=0.1, licence="MIT"), Declaration(mean=(0.5, 0.5, 0.5)))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    """Size and filter, dimension, licence and source; the threshold as a cosine distance, beside the published one."""
    declared = Declaration(
        fit="pad", filter="bicubic", distance="half-cosine", threshold=0.1785, licence="OpenRAIL", source="a hub"
    )
    import_network(saved(embedder(), tmp_path / "network.onnx"), tmp_path / "my.weights", declared)
    info = read_info(tmp_path / "my.weights")
    assert (info.architecture, info.dimension) == ("onnx", NUMBERS)
    assert info.preprocessing.version == f"v2-pad-{SIDE_PX}-bicubic"
    assert info.threshold == pytest.approx(0.357)
    assert info.recipe["published"] == {"threshold": 0.1785, "distance": "half-cosine"}
    assert (info.recipe["licence"], info.recipe["source"]) == ("OpenRAIL", "a hub")


def test_precisions(tmp_path: Path) -> None:
    """What `auto` takes keeps the vectors; int8 is refused; torch cannot train such weights."""
    exact = imported(embedder(), tmp_path, Declaration()).embed(PIXELS)
    taken = Embedder.load(tmp_path / "my.weights", threads=1).embed(PIXELS)
    assert np.einsum("nd,nd->n", exact, taken).min() > 0.995
    with pytest.raises(EngineMissing, match="int8"):
        Embedder.load(tmp_path / "my.weights", precision="int8")
    with pytest.raises(WeightsError, match="not trained"):
        load_network(tmp_path / "my.weights")


def test_onnx_runtime_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of a GPU, here on a processor: without OpenVINO, ONNX Runtime is taken; without its GPU, it is said."""
    network = embedder(batch=1)
    exact = imported(network, tmp_path, Declaration()).embed(PIXELS)
    with pytest.raises(EngineMissing, match="onnxruntime-gpu"):
        Embedder.load(tmp_path / "my.weights", device="cuda")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    other = Embedder.load(tmp_path / "my.weights", precision="fp32")
    assert "ONNX Runtime" in other.engine.name
    np.testing.assert_allclose(other.embed(PIXELS), exact, atol=1e-5)


@pytest.mark.parametrize("weights", [(), range(1, 17)])
@pytest.mark.parametrize(("shape", "expected"), [("half-cosine", 0.357), ("angle", 1 - np.cos(0.1785 * np.pi))])
def test_the_publishers_own_distance(tmp_path: Path, shape: str, weights: Any, expected: float) -> None:
    """The threshold and the angles are those of the network of distances, also where it weighs the numbers first."""
    network, own = embedder(), metric(shape, weights=weights)
    declared = Declaration(distance="half-cosine", threshold=0.1785)
    paths = saved(network, tmp_path / "network.onnx"), tmp_path / "my.weights"
    info, _ = import_network(*paths, declared, saved(own, tmp_path / "metric.onnx"))
    assert info.threshold == pytest.approx(expected, abs=2e-3)
    embeddings = Embedder.load(paths[1], precision="fp32", threads=1).embed(PIXELS)
    cosines = np.clip(embeddings @ embeddings.T, -1, 1)
    distances = np.arccos(cosines) / np.pi if shape == "angle" else (1 - cosines) / 2
    vectors = plain(network, declared)
    (told,) = ReferenceEvaluator(own).run(None, {"input": vectors})
    np.testing.assert_allclose(np.asarray(told, np.float32), distances, atol=2e-3)


def test_distances_that_no_angle_tells_are_refused(tmp_path: Path) -> None:
    """Nothing is written."""
    own = metric("half-cosine")
    own.graph.node[0].input[1] = "input"  # the squares of the numbers
    own.graph.node[3].input[1] = "turned"
    own.graph.node.insert(3, onnx.helper.make_node("Transpose", ["weighted"], ["turned"], perm=[1, 0]))
    paths = saved(embedder(), tmp_path / "network.onnx"), tmp_path / "my.weights"
    declared = Declaration(distance="half-cosine", threshold=0.1785)
    with pytest.raises(WeightsError, match="no function of an angle"):
        import_network(*paths, declared, saved(own, tmp_path / "metric.onnx"))
    assert not paths[1].exists()


def test_a_runtime_runs_what_it_is_given() -> None:
    """A broken network is refused in one line, whichever library stumbles over it."""
    with pytest.raises(WeightsError, match="cannot be run") as caught:
        load_runtime(b"no network")
    assert "\n" not in str(caught.value)
