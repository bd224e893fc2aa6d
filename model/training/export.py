"""Exports a trained network to a weights file with a measured threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.errors import EvaluationError
from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.network.weights_file import WeightsInfo, save_network
from model.training.config import Config
from model.training.training_data import PictureSet
from model.training.validation import embed_set, measure

__all__ = ["export"]

_FAR = 0.01
_GUESS = 0.5


def export(
    path: Path,
    network: Network,
    config: Config,
    measured_on: PictureSet | None,
    *,
    steps: int,
    command: str,
    half: bool = False,
) -> WeightsInfo:
    """Measure the network on unseen characters and write it.

    The stored threshold is that of `run.threshold_far`, or that of the equal error rate; `measured` holds both, and
    says which one was stored.

    Args:
        path: The weights file.
        network: The network.
        config: Of its training.
        measured_on: Pictures of unseen characters; without them the threshold is a guess and `measured` says so.
        steps: Optimiser steps of its training.
        command: The command line that made it.
        half: Store half precision.
    """
    preprocessing = Preprocessing(config.network.fit, config.network.size_px)
    threshold, measured = _measured(network, preprocessing, measured_on, config)
    recipe = {"command": command, "seed": config.seed, "steps": steps, "config_digest": config.digest}
    return save_network(
        path,
        network,
        preprocessing=preprocessing,
        threshold=threshold,
        measured=measured,
        recipe=recipe | {"config": config.plain()},
        half=half,
    )


def _measured(
    network: Network, preprocessing: Preprocessing, pictures: PictureSet | None, config: Config
) -> tuple[float, dict[str, Any]]:
    if pictures is None:
        return _GUESS, {"note": "nothing measured; the threshold is a guess"}
    found = embed_set(network, pictures, preprocessing, workers=config.run.workers)
    try:
        equal, rates = measure(found.embeddings, found.labels)
    except EvaluationError as error:
        return _GUESS, {"note": f"nothing measured ({error}); the threshold is a guess"}
    far = config.run.threshold_far
    strict = rates.threshold_at_far(far or _FAR)
    return strict if far else equal.threshold, {
        "set": pictures.name,
        "eer": round(equal.rate, 6),
        "eer_threshold": round(equal.threshold, 6),
        "far": far or _FAR,
        "far_threshold": round(strict, 6),
        "far_frr": round(rates.frr_at_far(far or _FAR), 6),
        "threshold_is": f"that of FAR {100 * far:g} % on this set"
        if far
        else "that of the equal error rate on this set",
    }
