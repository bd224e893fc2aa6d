"""Reads ONNX, and refuses what no network of pictures needs, before anything runs it.

The same is asked of a file to import and of the network inside a weights file: a store may be hostile too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import EngineMissing, WeightsError

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

__all__ = ["MAX_BYTES", "nodes_of", "parse_onnx", "read_onnx"]

MAX_BYTES = 1900 << 20
"""Of a file with its external data; protocol buffers end at 2 GiB."""

_MAX_NODES = 50_000
_DOMAINS = ("", "ai.onnx")
_LOOPS = ("Loop", "Scan", "SequenceMap")


def read_onnx(path: Path) -> ModelProto:
    """Read a file and take its external data in.

    Raises:
        WeightsError: As `parse_onnx`; also when the file is missing, or its external data lies outside its folder.
        EngineMissing: As `parse_onnx`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WeightsError(f"{path}: larger than {MAX_BYTES >> 20} MiB")
        return parse_onnx(path.read_bytes(), path.parent)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error


def parse_onnx(content: bytes, folder: Path | None = None) -> ModelProto:
    """Parse and check a network.

    Args:
        content: Of the file.
        folder: Where its external data may lie; without one it may have none.

    Returns:
        The network without external data.

    Raises:
        WeightsError: It is no ONNX, is damaged, loops, has operators that ONNX does not define, or external data that
            is not allowed.
        EngineMissing: The package onnx is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise EngineMissing("weights made of ONNX need: pip install 'oshiwake[onnx]'") from error
    try:
        model: ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise WeightsError("not ONNX, or cut off") from error
    if not model.graph.node:
        raise WeightsError("not ONNX, or a network without operators")
    if model.functions:
        raise WeightsError("it has functions of its own; put them in place by onnx.inliner first")
    for count, node in enumerate(nodes_of(model.graph), 1):
        if node.domain not in _DOMAINS:
            raise WeightsError(f"it has the custom operator {node.domain[:50]}.{node.op_type[:50]}")
        if node.op_type in _LOOPS:
            raise WeightsError(f"it has the operator {node.op_type}: networks with loops are not run")
        if count > _MAX_NODES:
            raise WeightsError(f"it has more than {_MAX_NODES:,} operators")
    _take_in(model.graph, folder)
    del model.training_info[:]
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise WeightsError(f"no valid ONNX ({' '.join(str(error).split())[:200]})") from error
    return model


def nodes_of(graph: GraphProto) -> Iterator[NodeProto]:
    """All operators, also those in branches."""
    for node in graph.node:
        yield node
        for branch in _branches(node.attribute):
            yield from nodes_of(branch)


def _branches(attributes: Iterable[AttributeProto]) -> Iterator[GraphProto]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
        for branch in _branches(node.attribute):
            yield from _tensors(branch)


def _take_in(graph: GraphProto, folder: Path | None) -> None:
    """Put external data in its place.

    Raises:
        WeightsError: It is not in the folder, is too much, or its file is too short.
        OSError: It cannot be read.
    """
    from onnx import TensorProto

    room = MAX_BYTES
    for tensor in _tensors(graph):
        if tensor.data_location != TensorProto.EXTERNAL and not tensor.external_data:
            continue
        if folder is None:
            raise WeightsError("it has external data")
        told = {entry.key: entry.value for entry in tensor.external_data}
        path = _within(folder, told.get("location", ""))
        try:
            offset = int(told.get("offset", "0"))
            length = int(told.get("length", str(path.stat().st_size - offset)))
        except ValueError as error:
            raise WeightsError(f"its external data is described wrongly ({error})") from error
        room -= length
        if min(offset, length) < 0 or room < 0:
            raise WeightsError(f"its external data has more than {MAX_BYTES >> 20} MiB")
        with path.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
        if len(tensor.raw_data) != length:
            raise WeightsError(f"its external data {path.name} is cut off")
        tensor.ClearField("data_location")
        del tensor.external_data[:]


def _within(folder: Path, location: str) -> Path:
    """The file with external data; a link must not lead out of the folder either."""
    path = (folder / location).resolve()
    if "\0" in location or not location or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise WeightsError(f"its external data {location[:200]!r} is no file in its own folder")
    return path
