"""Plain configuration values: overrides from the command line, and comparison."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

from model.errors import ConfigurationError

__all__ = ["differences", "override", "set_value"]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The differences of two plain configurations, `section.key: old, now new` each."""
    one, other = dict(_flat(old)), dict(_flat(new))
    return [
        f"{key}: {one.get(key)}, now {other.get(key)}"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]


def _flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def override(name: str, value: object) -> str:
    """`section.key=value` for any text, with quotes escaped."""
    return f"{name}={json.dumps(str(value), ensure_ascii=False)}"


def set_value(values: dict[str, Any], override: str) -> None:
    """Apply `section.key=value`; a value that is not TOML is a text.

    Raises:
        ConfigurationError: It has another form.
    """
    name, equals, text = override.partition("=")
    if not equals:
        raise ConfigurationError(f"{override!r}: an override is section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, key = name.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigurationError(f"{override!r}: {section} is a value, not a section")
    values[key] = value
