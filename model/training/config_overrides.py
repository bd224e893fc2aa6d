"""The plain values of a configuration: set by a person's words, and compared."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

from model.errors import ConfigurationError

__all__ = ["differences", "override", "set_value"]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What two plain configurations differ in, `section.key: old, now new` each."""
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
    """`section.key=value` for a text that may hold anything, quotes too."""
    return f"{name}={json.dumps(str(value), ensure_ascii=False)}"


def set_value(values: dict[str, Any], override: str) -> None:
    """Put the value of `section.key=value` into plain values; what is no TOML value is a text.

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
