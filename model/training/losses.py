"""Losses and miners of pytorch-metric-learning by name."""

from __future__ import annotations

from typing import Any

from pytorch_metric_learning import distances, losses, miners
from torch import nn

from model.errors import ConfigurationError
from model.training.config import LossConfig

__all__ = ["build_loss", "build_miner"]

_PROXY_LOSSES = {"arcface": losses.ArcFaceLoss, "proxy-anchor": losses.ProxyAnchorLoss}
_PAIR_LOSSES = {
    "multi-similarity": losses.MultiSimilarityLoss,
    "nt-xent": losses.NTXentLoss,
    "supcon": losses.SupConLoss,
}


def build_loss(config: LossConfig, *, characters: int, dimension: int) -> nn.Module:
    """Make the loss; proxy losses have one learned proxy per character.

    Triplet and contrastive loss compare inner products, as in the article; the default margin of the triplet loss is
    0.1.

    Raises:
        ConfigurationError: The loss does not take a parameter.
    """
    parameters: dict[str, Any] = dict(config.parameters)
    try:
        if config.name == "triplet":
            parameters.setdefault("margin", 0.1)
            return _module(losses.TripletMarginLoss(distance=distances.DotProductSimilarity(), **parameters))
        if config.name == "contrastive":
            parameters = {"pos_margin": 1.0, "neg_margin": 0.3} | parameters
            return _module(losses.ContrastiveLoss(distance=distances.DotProductSimilarity(), **parameters))
        if config.name in _PROXY_LOSSES:
            proxies = {"num_classes": characters, "embedding_size": dimension}
            return _module(_PROXY_LOSSES[config.name](**proxies, **parameters))
        return _module(_PAIR_LOSSES[config.name](**parameters))
    except TypeError as error:
        raise ConfigurationError(f"loss.parameters: {config.name} does not take them ({error})") from error


def build_miner(config: LossConfig) -> nn.Module | None:
    """Make the miner, or None if the loss uses all pairs.

    Raises:
        ConfigurationError: The miner does not take a parameter.
    """
    parameters: dict[str, Any] = dict(config.miner_parameters)
    try:
        match config.miner:
            case "none":
                return None
            case "batch-hard":
                return _module(miners.BatchHardMiner(distance=distances.DotProductSimilarity(), **parameters))
            case "semi-hard":
                parameters.setdefault("margin", 0.1)
                dot = distances.DotProductSimilarity()
                return _module(miners.TripletMarginMiner(distance=dot, type_of_triplets="semihard", **parameters))
            case "multi-similarity":
                return _module(miners.MultiSimilarityMiner(**parameters))
    except TypeError as error:
        raise ConfigurationError(f"loss.miner_parameters: {config.miner} does not take them ({error})") from error


def _module(module: Any) -> nn.Module:
    assert isinstance(module, nn.Module)
    return module
