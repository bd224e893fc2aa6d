"""Gives a network the input that all of this program's networks have: pictures of bytes.

What has to be done with the values (order of the channels, scale, mean, deviation, layout) becomes a part of the
network, so that nothing but its numbers says what vectors it makes, and every runtime runs the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from model.errors import WeightsError
from model.onnx.declaration import InputForm

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto

__all__ = ["keep_what_leads_to", "output_of", "side_of", "with_picture_input"]

_PICTURES, _ANSWER = "oshiwake_pictures", "oshiwake_answer"

_OLDEST_OPSET = 9
_OLDEST_IR = 4  # from then on numbers need not stand among the inputs


def with_picture_input(model: ModelProto, form: InputForm, *, flat: bool = True, batch: int = 0) -> tuple[bytes, int]:
    """Make a network that takes pictures.

    Args:
        model: A checked network with one input; it is not changed.
        form: What is declared of it.
        flat: Whether its output is a row for each picture.
        batch: Pictures at once; 0 for any number.

    Returns:
        The network from `(n, size, size, 3)` uint8 in RGB to float32, and the size.

    Raises:
        WeightsError: The network is of another form than what is declared of it.
    """
    import onnx

    found = onnx.ModelProto()
    found.CopyFrom(model)
    found.ir_version = max(found.ir_version, _OLDEST_IR)
    graph = found.graph
    if any(one.domain in ("", "ai.onnx") and one.version < _OLDEST_OPSET for one in found.opset_import):
        raise WeightsError(f"made for operators older than version {_OLDEST_OPSET}; export it anew")
    entry = _input(graph)
    size = _size(entry, form)
    output = output_of(graph, form)
    del graph.value_info[:]  # shapes inside it may tell of another batch
    keep_what_leads_to(graph, output.name)
    before, after = _Nodes(), _Nodes()
    kind = entry.type.tensor_type.elem_type
    picture = before.add("Cast", _PICTURES, to=onnx.TensorProto.FLOAT)
    if form.colours == "BGR":
        picture = before.add("Gather", picture, before.constant(np.array([2, 1, 0])), axis=3)
    if form.scale != 1:
        picture = before.add("Mul", picture, before.constant(np.float32(1 / form.scale)))
    if any(form.mean):
        picture = before.add("Sub", picture, before.constant(np.array(form.mean, np.float32)))
    if set(form.deviation) != {1.0}:
        picture = before.add("Div", picture, before.constant(np.array(form.deviation, np.float32)))
    if form.layout == "NCHW":
        picture = before.add("Transpose", picture, perm=[0, 3, 1, 2])
    before.add("Cast", picture, to=kind, output=entry.name)
    answer = after.add("Flatten", output.name, axis=1) if flat else output.name
    after.add("Cast", answer, to=onnx.TensorProto.FLOAT, output=_ANSWER)
    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(before.constants)
    shape = [batch or "n", size, size, 3]
    graph.input.append(onnx.helper.make_tensor_value_info(_PICTURES, onnx.TensorProto.UINT8, shape))
    open_ = ["n", "numbers"] if flat else ["n", "rows", "columns"]
    graph.output.append(onnx.helper.make_tensor_value_info(_ANSWER, onnx.TensorProto.FLOAT, open_))
    return found.SerializeToString(deterministic=True), size


def side_of(model: ModelProto) -> int:
    """The side of the squares that a network takes which `with_picture_input` has made.

    Raises:
        WeightsError: It takes something else than squares of pixels, in any number or one by one.
    """
    import onnx

    graph = model.graph
    entry = graph.input[0].type.tensor_type if len(graph.input) == 1 == len(graph.output) else None
    dims = [] if entry is None else [one.dim_value for one in entry.shape.dim]
    if entry is None or entry.elem_type != onnx.TensorProto.UINT8 or len(dims) != 4:
        raise WeightsError("its network does not take pictures")
    if dims[0] > 1 or dims[1] != dims[2] or dims[1] < 1 or dims[3] != 3:
        raise WeightsError("its network does not take squares of pixels")
    return int(dims[1])


class _Nodes:
    """Operators that are put before or behind a network."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operator; return the name of its output."""
        import onnx

        name = output or f"oshiwake_{kind}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Add numbers; return their name."""
        import onnx

        name = f"oshiwake_constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name


def _input(graph: GraphProto) -> ValueInfoProto:
    import onnx

    numbers = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in numbers]
    if len(inputs) != 1:
        raise WeightsError(f"it takes {_names(inputs)}: one input, a picture, is wanted")
    if inputs[0].type.tensor_type.elem_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
        raise WeightsError(f"its input {inputs[0].name} takes no floating-point numbers")
    entry: ValueInfoProto = inputs[0]
    return entry


def _size(entry: ValueInfoProto, form: InputForm) -> int:
    """The side of the square."""
    dims = [one.dim_value for one in entry.type.tensor_type.shape.dim]  # 0 where it is open
    if len(dims) != 4:
        raise WeightsError(f"its input {entry.name} has {len(dims)} dimensions; pictures have 4")
    shape = " x ".join(str(one or "n") for one in dims)
    channels, sides = (dims[1], dims[2:]) if form.layout == "NCHW" else (dims[3], dims[1:3])
    if channels not in (0, 3):
        raise WeightsError(f"its input {entry.name} is {shape}: no {form.layout} with three channels")
    size = form.size or max(sides)
    if not size:
        raise WeightsError(f"its input {entry.name} is {shape} and tells no size: declare one (--size-px)")
    if any(side not in (0, size) for side in sides):
        raise WeightsError(f"its input {entry.name} is {shape}: it takes no squares of {size} pixels")
    return size


def output_of(graph: GraphProto, form: InputForm) -> ValueInfoProto:
    """The output that is declared.

    Raises:
        WeightsError: There is none of that name or number, or there are several and none is declared.
    """
    outputs: list[ValueInfoProto] = list(graph.output)
    if form.output is None and len(outputs) == 1:
        return outputs[0]
    if isinstance(form.output, int) and form.output < len(outputs):
        return outputs[form.output]
    named = [one for one in outputs if one.name == form.output]
    if len(named) != 1:
        which = "declare one (--output-name)" if form.output is None else f"none is {form.output!r}"
        raise WeightsError(f"it has the outputs {_names(outputs)}: {which}")
    return named[0]


def _names(values: list[ValueInfoProto]) -> str:
    return ", ".join(one.name[:50] for one in values[:8]) or "nothing"


def keep_what_leads_to(graph: GraphProto, output: str, given: str = "") -> None:
    """Leave out operators and numbers that the output does not need, such as the tags of a tagger.

    What makes the value `given` is left out too.
    """
    from model.onnx.onnx_file import nodes_of

    wanted, kept = {output}, []
    for node in reversed(graph.node):  # they stand in order
        if wanted.isdisjoint(set(node.output) - {given}):
            continue
        kept.append(node)
        wanted.update(node.input)
        for attribute in node.attribute:
            for branch in (attribute.g, *attribute.graphs):
                wanted.update(one.name for one in branch.output)
                wanted.update(name for inner in nodes_of(branch) for name in inner.input)
    kept.reverse()
    numbers = [tensor for tensor in graph.initializer if tensor.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(numbers)
