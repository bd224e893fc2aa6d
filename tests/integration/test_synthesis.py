"""Drawn pictures are the same in every process."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from model.synthesis import Identity, draw


def _digest(seed: int, picture: int) -> str:
    return hashlib.sha256(draw(Identity.from_seed(seed), picture, 96).tobytes()).hexdigest()


def test_same_bytes_in_another_process() -> None:
    """Another process, with other string hashes, draws the same bytes."""
    code = (
        "import hashlib; from model.synthesis import Identity, draw; "
        "print(hashlib.sha256(draw(Identity.from_seed(5), 9, 96).tobytes()).hexdigest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == _digest(5, 9)
