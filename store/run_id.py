"""Run ids, such as `20261123-0412-k7m2p`."""

from __future__ import annotations

import re
import secrets
import time

__all__ = ["new_run_id", "valid_run_id"]

_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{4}(-[0-9a-z]{1,8})?")

_LETTERS = "23456789bcdfghjkmnpqrstvwxz"
"""No letters that look alike, and no vowels, so that no words appear."""


def new_run_id(created_s: float) -> str:
    """The local time and five random letters, `20261123-0412-k7m2p`: one of 14 million per minute.

    Runs of different stores may share an output folder, whose journal identifies them by id.
    """
    letters = "".join(secrets.choice(_LETTERS) for _ in range(5))
    return time.strftime(f"%Y%m%d-%H%M-{letters}", time.localtime(created_s))


def valid_run_id(text: str) -> bool:
    """Whether a text has the form of a run id; older stores have `20261123-0412` and `20261123-0412-2`."""
    return _RUN_ID.fullmatch(text) is not None
