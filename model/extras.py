"""Packages that only the extra `training` installs."""

from __future__ import annotations

import importlib.util

from model.errors import ConfigurationError

__all__ = ["require_training_extra"]


def require_training_extra(what: str, *packages: str) -> None:
    """Make sure that these packages are installed.

    Args:
        what: What needs them, for the message.
        packages: Their import names.

    Raises:
        ConfigurationError: One is missing; the message says what to install.
    """
    if any(importlib.util.find_spec(package) is None for package in packages):
        raise ConfigurationError(f"{what} needs: pip install 'oshiwake[training]'")
