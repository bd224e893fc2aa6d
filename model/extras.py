"""Packages that only an extra of the installation brings."""

from __future__ import annotations

import importlib.util
from typing import Literal

from model.errors import ConfigurationError

__all__ = ["installed", "require_extra", "require_training"]

Extra = Literal["gpu", "training"]


def installed(package: str) -> bool:
    """Whether a package can be imported; nothing is imported."""
    return importlib.util.find_spec(package) is not None


def require_extra(extra: Extra, what: str, *packages: str) -> None:
    """Make sure that these packages are installed.

    Args:
        extra: The extra that brings them.
        what: What needs them, for the message.
        packages: Their import names.

    Raises:
        ConfigurationError: One is missing; the message says what to install.
    """
    if not all(map(installed, packages)):
        raise ConfigurationError(f"{what} needs: pip install 'oshiwake[{extra}]'")


def require_training(what: str) -> None:
    """Make sure that what trains a network is installed.

    Raises:
        ConfigurationError: It is not; the message says what to install.
    """
    require_extra("training", what, "torch", "torchvision", "pytorch_metric_learning")
