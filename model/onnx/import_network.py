"""From an ONNX file of somebody else to a weights file. Runs in a process of its own (`model.onnx.import_process`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from model.errors import WeightsError
from model.files import write_bytes
from model.network.architecture import ONNX
from model.network.weights_file import WeightsInfo, metadata_of, tensor_digest
from model.onnx.declaration import Declaration
from model.onnx.drawn_pictures import drawn_pictures
from model.onnx.engine import unit
from model.onnx.metric import cosine_threshold_of, joined, split
from model.onnx.onnx_file import parse_onnx, read_onnx
from model.onnx.picture_input import output_of, side_of, with_picture_input
from model.onnx.runtime import load_runtime

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Trial", "as_fields", "import_network"]

_CHARACTERS, _PICTURES = 6, 2
_MOST_NUMBERS = 16_384
_SAME = 0.9999
"""A picture alone and among others must come as near to itself."""

_UNIT = 1e-3


@dataclass(frozen=True)
class Trial:
    """What was seen when a network was run once.

    Attributes:
        same: Mean cosine distance of two drawn pictures of one character.
        different: Mean cosine distance of two drawn characters.
        together: Whether several pictures can go through it together.
    """

    same: float
    different: float
    together: bool


def import_network(
    path: Path, output: Path, declaration: Declaration, metric: Path | None = None
) -> tuple[WeightsInfo, Trial]:
    """Check a network, run it, and write it as a weights file.

    Args:
        path: The ONNX file.
        output: The weights file.
        declaration: What is declared of the network.
        metric: The network by which its publisher compares vectors, `(n, d)` to `(n, n)` distances; or None.

    Raises:
        WeightsError: The network is not allowed, not what is declared, or gives no vectors.
        EngineMissing: A library is missing.
    """
    model = read_onnx(path)
    try:
        wrapped = _wrapped(model, declaration)
        side_of(parse_onnx(wrapped.content))  # what is written can be loaded
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    threshold, distances = declaration.cosine_threshold(), "not compared"
    if metric is not None and declaration.threshold is not None:
        try:
            wrapped, threshold, distances = _compared(model, read_onnx(metric), wrapped, declaration)
        except WeightsError as error:
            raise WeightsError(f"{metric}: {str(error).removeprefix(f'{metric}: ')}") from error
    tensors = {ONNX: np.frombuffer(wrapped.content, np.uint8)}
    published = {"threshold": declaration.threshold, "distance": declaration.distance}
    info = WeightsInfo(
        digest=tensor_digest(tensors.items()),
        architecture=ONNX,
        dimension=wrapped.vectors.shape[1],
        preprocessing=declaration.preprocessing(wrapped.size_px),
        threshold=0.5 if threshold is None else threshold,
        measured={
            "note": "imported; the threshold is " + ("a guess" if threshold is None else "the published one"),
            "published distances": distances,
        },
        recipe={
            "imported": "ONNX",
            "file_digest": hashlib.sha256(path.read_bytes()).hexdigest(),
            "published": published if declaration.threshold is not None else {},
            "licence": declaration.licence,
            "source": declaration.source,
            "declared": declaration.model_dump(mode="json", exclude={"licence", "source"}, exclude_defaults=True),
        },
    )
    write_bytes(output, save(tensors, metadata=metadata_of(info)))
    return info, _seen(wrapped)


@dataclass(frozen=True)
class _Wrapped:
    """A network that takes pictures, and its vectors of drawn ones.

    Attributes:
        content: The network, as `with_picture_input` makes it.
        size_px: Side of its squares.
        vectors: `(n, d)` float32, of any length.
        together: Whether several pictures can go through it together.
    """

    content: bytes
    size_px: int
    vectors: NDArray[np.float32]
    together: bool


def _compared(
    model: ModelProto, metric: ModelProto, wrapped: _Wrapped, declaration: Declaration
) -> tuple[_Wrapped, float, str]:
    """What to take when a network of distances has its say; the threshold; and a word on its distances."""
    threshold = cosine_threshold_of(metric, wrapped.vectors, declaration)
    if threshold is not None:
        agrees = threshold == declaration.cosine_threshold()
        return wrapped, threshold, "as the formula says" if agrees else "otherwise, by the angle"
    parts = split(metric)
    if parts is not None:
        before, after = parts
        both, output = joined(model, output_of(model.graph, declaration).name, before)
        wrapped = _wrapped(both, declaration.model_copy(update={"output": output}))
        threshold = cosine_threshold_of(after, wrapped.vectors, declaration)
    if threshold is None:
        raise WeightsError("its distances are no function of an angle between two vectors, which decides here")
    return wrapped, threshold, "otherwise; what it does with a vector is now a part of the weights"


def _wrapped(model: ModelProto, declaration: Declaration) -> _Wrapped:
    """Wrap a network and run it, one by one and, if that gives the same, together."""
    content, size = with_picture_input(model, declaration)
    pictures = drawn_pictures(_CHARACTERS, _PICTURES, declaration.preprocessing(size))
    try:
        together: NDArray[np.float32] | None = _vectors(content, pictures[:3])
    except WeightsError:
        together = None  # it may be made for one picture at once
    alone, _ = with_picture_input(model, declaration, batch=1)
    vectors = _vectors(alone, pictures)
    _check(vectors, len(pictures), declaration)
    if together is None or together.shape != vectors[:3].shape:
        return _Wrapped(alone, size, vectors, False)
    cosine = float(np.einsum("nd,nd->n", unit(together), unit(vectors[:3])).min())
    return _Wrapped(content, size, vectors, True) if cosine >= _SAME else _Wrapped(alone, size, vectors, False)


def _vectors(content: bytes, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    run = load_runtime(content)
    try:
        return run(pictures)
    except Exception as error:  # the libraries raise errors of many types
        raise WeightsError(f"the network fails on pictures ({' '.join(str(error).split())[:200]})") from error


def _check(vectors: NDArray[np.float32], count: int, declaration: Declaration) -> None:
    if vectors.ndim != 2 or len(vectors) != count:
        raise WeightsError(f"its output is {' x '.join(map(str, vectors.shape))}: no vector for each picture")
    if not 2 <= vectors.shape[1] <= _MOST_NUMBERS:
        raise WeightsError(f"its output has {vectors.shape[1]:,} numbers for a picture: declare the output of a vector")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.isfinite(norms).all() or norms.min() == 0:
        raise WeightsError("its vectors are zero or not numbers: are scale, mean and deviation right?")
    if not declaration.normalise and np.abs(norms - 1).max() > _UNIT:
        raise WeightsError(
            f"its vectors have lengths of {norms.min():.3g} to {norms.max():.3g}, not 1: declare normalise = true"
        )
    if np.abs(vectors - vectors[0]).max() == 0:
        raise WeightsError("it gives every picture the same vector: are scale, mean and deviation right?")


def _seen(wrapped: _Wrapped) -> Trial:
    vectors = unit(wrapped.vectors)
    distances = 1 - vectors @ vectors.T
    labels = np.repeat(np.arange(_CHARACTERS), _PICTURES)
    same = labels[:, None] == labels
    own = same & ~np.eye(len(labels), dtype=bool)
    return Trial(float(distances[own].mean()), float(distances[~same].mean()), wrapped.together)


def as_fields(info: WeightsInfo, trial: Trial) -> dict[str, Any]:
    """What the process that imports tells the one that asked."""
    return {
        "digest": info.digest,
        "dimension": info.dimension,
        "preprocessing": info.preprocessing.version,
        "threshold": info.threshold,
        "distances": info.measured["published distances"],
        "same": trial.same,
        "different": trial.different,
        "together": trial.together,
    }
