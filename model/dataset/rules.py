"""Which tags name a character: rules on an encyclopedia's summary of the tag."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import ConfigurationError

__all__ = ["DEFAULT_RULES", "Rules"]

DEFAULT_RULES = Path(__file__).parent / "character_rules.toml"
"""Rules for Japanese and English summaries; copy it to write your own."""


@dataclass(frozen=True)
class Rules:
    """Patterns that a summary must and must not match.

    Attributes:
        names: `(language, pattern)`: a summary that matches one is about a character,
        refuses: unless it matches one of these.
    """

    names: tuple[tuple[str, re.Pattern[str]], ...]
    refuses: tuple[tuple[str, re.Pattern[str]], ...]

    @classmethod
    def read(cls, path: Path = DEFAULT_RULES) -> Rules:
        """Read a rules file: TOML with a table per language, each with the lists `names` and `refuses`.

        Raises:
            ConfigurationError: The file cannot be read, or a pattern is no regular expression.
        """
        try:
            languages = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: not TOML ({error})") from error
        return cls(_patterns(path, languages, "names"), _patterns(path, languages, "refuses"))

    def names_character(self, summary: str) -> bool:
        """Whether a summary says that its tag is the name of a character."""
        text = " ".join(summary.split())
        return any(p.search(text) for _, p in self.names) and not any(p.search(text) for _, p in self.refuses)


def _patterns(path: Path, languages: dict[str, Any], kind: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for language, table in languages.items():
        if not isinstance(table, dict) or set(table) - {"names", "refuses"}:
            raise ConfigurationError(f"{path}: [{language}] takes the lists `names` and `refuses` alone")
        for pattern in table.get(kind, []):
            try:
                found.append((language, re.compile(pattern, re.IGNORECASE)))
            except (re.error, TypeError) as error:
                raise ConfigurationError(f"{path}: [{language}] {kind}: {pattern!r} ({error})") from error
    return tuple(found)
