"""Functions that note how often they are called, and do what they did before."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")


def recorded(function: Callable[..., R], calls: list[tuple[Any, ...]]) -> Callable[..., R]:
    """The same function; each call adds its arguments to `calls`."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> R:
        calls.append(args)
        return function(*args, **kwargs)

    return call
