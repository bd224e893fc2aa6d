"""Initial weights: from scratch, from ImageNet, or from a weights file."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from model.errors import WeightsError
from model.network.resnet18 import Network
from model.network.weights_file import DEFAULT_WEIGHTS, load_network
from model.training.checkpoint import is_checkpoint, trained_network
from model.training.config import Config

__all__ = ["initial_network", "is_new"]


def is_new(config: Config) -> bool:
    """Whether the colour features must still be fitted: the network does not come from a weights file."""
    return config.network.init in ("scratch", "imagenet")


def initial_network(config: Config) -> Network:
    """Make the network that a training starts from; from scratch, only the seed decides the weights.

    Raises:
        CheckpointError: A checkpoint holds no network.
        WeightsError: A weights file cannot be used, or ImageNet's weights cannot be loaded.
    """
    match config.network.init:
        case "scratch":
            return _scratch(config)
        case "imagenet":
            return _imagenet(config)
        case "default":
            path = DEFAULT_WEIGHTS
        case other:
            path = Path(other)
    network = trained_network(path) if is_checkpoint(path) else load_network(path)[0]
    _share(network, config)
    return network


def _scratch(config: Config) -> Network:
    torch.manual_seed(config.seed)
    network = Network(config.network.dimension, config.network.colours)
    _share(network, config)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _share(network: Network, config: Config) -> None:
    if network.colours is not None and config.network.colour_share is not None:
        network.colours.share.fill_(config.network.colour_share)


def _imagenet(config: Config) -> Network:
    from torchvision.models import ResNet18_Weights

    network, weights = _scratch(config), ResNet18_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, UnpicklingError) as error:
        name = weights.url.rpartition("/")[2]
        reason = "the file there is damaged" if isinstance(error, UnpicklingError) else error
        raise WeightsError(
            f"ImageNet's weights cannot be had ({reason}); fetch {weights.url} elsewhere and put it here as "
            f"{Path(torch.hub.get_dir()) / 'checkpoints' / name}, or train with --init scratch or --init default"
        ) from error
    trunk = {name: value for name, value in state.items() if not name.startswith("fc.")}
    network.trunk.load_state_dict(trunk)
    return network
