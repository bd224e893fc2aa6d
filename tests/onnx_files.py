"""Small ONNX networks with random numbers, with the inputs and outputs of those that are published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE_PX = 32
NUMBERS = 16


def embedder(
    *,
    layout: str = "NCHW",
    batch: int | str = "n",
    kind: int = TensorProto.FLOAT,
    tags: bool = False,
    more: Sequence[onnx.NodeProto] = (),
    size: int | str = SIDE_PX,
    bias: float = 0.0,
) -> onnx.ModelProto:
    """A network from a picture to `NUMBERS` numbers, not of unit length: convolution, maxima, linear layer.

    Args:
        layout: Of its input.
        batch: First dimension of the input; a number is also built into the graph, as careless exporters do.
        kind: Type of its numbers.
        tags: Have an output of tags before the embedding, as taggers have.
        more: Operators behind the embedding, which nothing needs.
        size: Side of the input; a name where it is open.
        bias: Added to the vectors.
    """
    random = np.random.default_rng(20261123)
    number = helper.tensor_dtype_to_np_dtype(kind)

    def constant(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(number), name)

    numbers = [constant("kernel", 24, 3, 5, 5), constant("linear", 24, NUMBERS)]
    numbers += [
        numpy_helper.from_array(np.full(NUMBERS, bias, number), "bias"),
        numpy_helper.from_array(np.array([batch if isinstance(batch, int) else -1, 24]), "rows"),
    ]
    nodes = [] if layout == "NCHW" else [helper.make_node("Transpose", ["input"], ["first"], perm=[0, 3, 1, 2])]
    nodes += [
        helper.make_node("Conv", ["input" if layout == "NCHW" else "first", "kernel"], ["maps"], strides=[2, 2]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalMaxPool", ["positive"], ["maxima"]),
        helper.make_node("Reshape", ["maxima", "rows"], ["flat"]),
        helper.make_node("MatMul", ["flat", "linear"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["output"]),
        *more,
    ]
    outputs = [helper.make_tensor_value_info("output", kind, [batch, NUMBERS])]
    if tags:
        numbers.append(constant("tag_weights", NUMBERS, 3))
        nodes.append(helper.make_node("MatMul", ["output", "tag_weights"], ["tags"]))
        outputs.insert(0, helper.make_tensor_value_info("tags", kind, [batch, 3]))
    shape = [batch, 3, size, size] if layout == "NCHW" else [batch, size, size, 3]
    return model(nodes, [helper.make_tensor_value_info("input", kind, shape)], outputs, numbers)


def metric(distance: str, *, weights: Sequence[float] = ()) -> onnx.ModelProto:
    """A network from `(n, NUMBERS)` to `(n, n)` distances.

    Args:
        distance: `half-cosine` is (1 - cos) / 2; `angle` the angle as a share of pi.
        weights: What the numbers are multiplied by first: then no angle between two vectors tells their distance.
    """
    numbers = [
        numpy_helper.from_array(np.array(list(weights) or [1.0] * NUMBERS, np.float32), "weights"),
        numpy_helper.from_array(np.array(1, np.float32), "one"),
        numpy_helper.from_array(np.array(2, np.float32), "two"),
        numpy_helper.from_array(np.array(np.pi, np.float32), "pi"),
        numpy_helper.from_array(np.array(-1, np.float32), "least"),
    ]
    nodes = [
        helper.make_node("Mul", ["input", "weights"], ["weighted"]),
        helper.make_node("LpNormalization", ["weighted"], ["unit"], axis=-1, p=2),
        helper.make_node("Transpose", ["unit"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["unit", "columns"], ["products"]),
        helper.make_node("Clip", ["products", "least", "one"], ["cosines"]),
    ]
    if distance == "angle":
        nodes += [
            helper.make_node("Acos", ["cosines"], ["angles"]),
            helper.make_node("Div", ["angles", "pi"], ["output"]),
        ]
    else:
        nodes += [
            helper.make_node("Sub", ["one", "cosines"], ["far"]),
            helper.make_node("Div", ["far", "two"], ["output"]),
        ]
    entry = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", NUMBERS])
    return model(nodes, [entry], [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", "n"])], numbers)


def detector(boxes: np.ndarray[Any, Any], *, end_to_end: bool = False) -> onnx.ModelProto:
    """A detector that finds the same boxes in every picture, in pixels of a square of 64.

    Args:
        boxes: `(k, 5)`: middle, width and height, and the score; `(k, 6)` for `end_to_end`.
        end_to_end: Give six columns a box, instead of five rows.
    """
    answer = boxes.astype(np.float32) if end_to_end else boxes.T.astype(np.float32)
    numbers = [
        numpy_helper.from_array(answer[None], "boxes"),
        numpy_helper.from_array(np.array(0, np.float32), "zero"),
        numpy_helper.from_array(np.array([1, 2, 3]), "axes"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Unsqueeze", ["nothing", "last"], ["column"]),
        helper.make_node("Add", ["column", "boxes"], ["output0"]),
    ]
    numbers.append(numpy_helper.from_array(np.array([1, 2]), "last"))
    entry = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])
    found = model(
        nodes, [entry], [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["n", *answer.shape])], numbers
    )
    helper.set_model_props(found, {"imgsz": "[64, 64]"})
    return found


def model(nodes: Any, inputs: Any, outputs: Any, numbers: Any) -> onnx.ModelProto:
    """A whole file of these parts."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, numbers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def saved(network: onnx.ModelProto, path: Path) -> Path:
    """Write a network; return the path."""
    path.write_bytes(network.SerializeToString())
    return path
