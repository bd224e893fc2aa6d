"""Writes weights that a within-class whitening was folded into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from model.adaptation.within_class_whitening import WithinClassWhitening
from model.errors import EvaluationError
from model.evaluation.pairs import all_pairs
from model.evaluation.rates import error_rates
from model.files import write_bytes
from model.matching.cohort import read_cohort, with_cohort
from model.network.architecture import colours_in
from model.network.weights_file import COHORT_PREFIX, WeightsInfo, load_tensors, metadata_of, tensor_digest

__all__ = ["colours_of", "write_adapted"]


def colours_of(info: WeightsInfo) -> int:
    """How many of the last numbers of an embedding are colours."""
    return colours_in(info.architecture) or 0


def write_adapted(
    path: Path,
    origin: Path,
    whitening: WithinClassWhitening,
    strangers: NDArray[np.float32],
    measured: dict[str, Any],
    recipe: dict[str, Any],
) -> WeightsInfo:
    """Write the weights `origin` with a whitening folded in, in the precision that they have; atomically.

    The cohort is turned like all other vectors. Its confidence stays: it is about shares of strangers, which mean the
    same in every space of vectors. The threshold becomes the distance up to which as many pairs of different characters
    come as before, by the cohort, or without one by the pictures.

    Args:
        path: The file to write.
        origin: The weights.
        whitening: The whitening.
        strangers: `(n, dim)` float32 of `origin`, each of another character; for weights without a cohort.
        measured: Goes into the description.
        recipe: Goes into the description; that of `origin` stands in it.

    Raises:
        WeightsError: `origin` cannot be used.
    """
    _, before = load_tensors(origin)  # checks the digest
    stored = {name: array for name, array in load_file(origin).items() if not name.startswith(COHORT_PREFIX)}
    tensors = whitening.folded(stored)
    cohort = read_cohort(origin, before.dimension)
    known = strangers if cohort is None else cohort.vectors
    threshold = _same_share(known, whitening.applied(known), before.threshold)
    note = "as many pairs of two characters are accepted as by the weights before"
    info = replace(
        before,
        digest=tensor_digest(tensors.items()),
        threshold=before.threshold if threshold is None else threshold,
        measured=measured | {"threshold_is": "that of the weights before" if threshold is None else note},
        recipe=recipe | {"origin": {"digest": before.digest, "measured": before.measured, "recipe": before.recipe}},
    )
    with safe_open(origin, framework="numpy") as file:
        metadata = (file.metadata() or {}) | metadata_of(info)  # what else its author wrote, such as a licence
    if cohort is not None:
        tensors = with_cohort(tensors, replace(cohort, vectors=whitening.applied(cohort.vectors)))
    write_bytes(path, save(tensors, metadata=metadata))
    return info


def _same_share(before: NDArray[np.float32], after: NDArray[np.float32], threshold: float) -> float | None:
    """The threshold that accepts the same share of pairs as another one did before; None without pairs."""
    try:
        pairs, turned = (all_pairs(vectors, np.arange(len(vectors))).distances for vectors in (before, after))
    except EvaluationError:
        return None
    if not len(pairs):
        return None
    share = float(np.mean(pairs <= threshold))
    none = np.zeros(1, turned.dtype)
    return error_rates(none, turned).threshold_at_far(share)
