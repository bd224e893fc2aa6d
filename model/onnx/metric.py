"""Compares the distance that a publisher ships as a network with the formula that is declared of it.

The vectors of a store are compared by cosine, which is what every rule, threshold and whitening here is made for. Where
the publisher's network gives something else, it is used this way: what it does with each vector before two are
multiplied becomes a part of the network that embeds, and what it makes of their angle gives the threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.errors import WeightsError
from model.onnx.declaration import Declaration
from model.onnx.engine import unit
from model.onnx.picture_input import keep_what_leads_to
from model.onnx.runtime import load_runtime

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

__all__ = ["cosine_threshold_of", "joined", "split"]

_EQUAL = 1e-3
_ANGLES = 181
_BEFORE = "metric_"


def cosine_threshold_of(metric: ModelProto, vectors: NDArray[np.float32], declaration: Declaration) -> float | None:
    """The cosine distance that is as far as the published threshold of a network of distances.

    Where the network gives what the declared formula gives, within 0.001, the threshold is the formula's. Else it is
    read off the network, by pairs of vectors with angles of 0 to 180 degrees.

    Args:
        metric: From `(n, d)` float32 to `(n, n)` distances.
        vectors: `(n, d)` float32, of pictures, as the other network gives them.
        declaration: With a threshold.

    Returns:
        The threshold; None where the distances are no function of the angle between two vectors.

    Raises:
        WeightsError: The network cannot be run, or gives no distances.
    """
    run = load_runtime(metric.SerializeToString())

    def distances(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            found = run(rows)
        except Exception as error:  # the libraries raise errors of many types
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(f"the network of distances fails on vectors ({reason})") from error
        if found.shape != (len(rows), len(rows)) or not np.isfinite(found).all():
            raise WeightsError("the network of distances gives no distances of vectors")
        return found

    threshold = declaration.cosine_threshold()
    assert threshold is not None and declaration.threshold is not None
    rows = unit(vectors)
    told, cosines = distances(vectors), np.clip(1 - rows @ rows.T, 0, 2)
    formula = {"cosine": cosines, "half-cosine": cosines / 2, "euclidean": np.sqrt(2 * cosines)}[declaration.distance]
    if np.abs(told - formula).max() <= _EQUAL:
        return threshold
    angles = np.linspace(0, np.pi, _ANGLES)
    curves = [distances(_fan(rows[n], rows[n + 1], angles))[0] for n in (0, 2)]
    by_angle = np.interp(np.arccos(np.clip(1 - cosines, -1, 1)), angles, curves[0])
    off = max(np.abs(curves[0] - curves[1]).max(), np.abs(by_angle - told).max())
    if off > _EQUAL or np.diff(curves[0]).min() < -_EQUAL:
        return None
    return float(1 - np.cos(np.interp(declaration.threshold, np.maximum.accumulate(curves[0]), angles)))


def split(metric: ModelProto) -> tuple[ModelProto, ModelProto] | None:
    """Split a network of distances where vectors are multiplied with one another.

    Returns:
        What is done with each vector before, and from there to the distances; None where no such product is found.
    """
    import onnx

    product = _product(metric.graph)
    if product is None:
        return None
    before, after = onnx.ModelProto(), onnx.ModelProto()
    before.CopyFrom(metric)
    after.CopyFrom(metric)
    rows = onnx.helper.make_tensor_value_info(product, onnx.TensorProto.FLOAT, ["n", "numbers"])
    for part in (before, after):
        del part.graph.value_info[:]
    keep_what_leads_to(before.graph, product)
    del before.graph.output[:], after.graph.input[:]
    before.graph.output.append(rows)
    keep_what_leads_to(after.graph, after.graph.output[0].name, given=product)
    after.graph.input.append(rows)
    return before, after


def joined(model: ModelProto, output: str, before: ModelProto) -> tuple[ModelProto, str]:
    """Put what is done with each vector behind the network that makes them.

    Args:
        model: That network.
        output: Its output.
        before: Of `split`.

    Returns:
        Both in one, and the name of its output.

    Raises:
        WeightsError: They do not fit together.
    """
    import onnx

    one, other = onnx.ModelProto(), onnx.ModelProto()
    one.CopyFrom(model)
    other.CopyFrom(before)
    one.ir_version = other.ir_version = max(one.ir_version, other.ir_version)
    entry = before.graph.input[0].name
    try:
        found: ModelProto = onnx.compose.merge_models(
            one, onnx.compose.add_prefix(other, _BEFORE), [(output, _BEFORE + entry)]
        )
    except (ValueError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"the network of distances does not fit the other ({reason})") from error
    return found, _BEFORE + before.graph.output[0].name


def _product(graph: GraphProto) -> str | None:
    """The name of the vectors that are multiplied with one another."""
    makers = {name: node for node in graph.node for name in node.output}
    entries = {one.name for one in graph.input}
    for node in graph.node:
        if node.op_type != "MatMul":
            continue
        one, other = node.input
        turned = makers.get(other)
        if turned is not None and turned.op_type == "Transpose" and turned.input[0] == one and one not in entries:
            return str(one)
    return None


def _fan(one: NDArray[np.float32], other: NDArray[np.float32], angles: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors at these angles to one, in the plane of two; `(k, d)` of unit length."""
    across = other - (other @ one) * one
    across = across / np.linalg.norm(across)
    fan: NDArray[np.float32] = (np.cos(angles)[:, None] * one + np.sin(angles)[:, None] * across).astype(np.float32)
    return fan
