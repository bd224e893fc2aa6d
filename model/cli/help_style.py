"""How both command lines show their help: plain text, which can be copied at any width."""

from __future__ import annotations

from typing import Any

__all__ = ["HELP_STYLE"]

HELP_STYLE: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    # Rich's boxes name a type beside every flag, and cut what does not fit, such as names of variables.
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""Options of a `typer.Typer`."""
