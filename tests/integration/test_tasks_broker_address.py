"""Programs never show the password of a broker."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("program", ["import tasks.celery_app", "import producer.cli; producer.cli.main()"])
@pytest.mark.parametrize("variable", ["OSHIWAKE_BROKER_URL", "CELERY_BROKER_URL"])
@pytest.mark.parametrize("other", [{}, {"OSHIWAKE_VISIBILITY_S": "1"}])
def test_no_program_shows_it(program: str, variable: str, other: dict[str, str]) -> None:
    """Neither a traceback of Celery's own command nor ours, whichever setting is wrong."""
    secret = "hush-hush" if other else "hush#hush/hush"
    env = {name: value for name, value in os.environ.items() if "BROKER_URL" not in name}
    env |= {variable: f"redis://:{secret}@127.0.0.1:1/0", **other}
    found = subprocess.run(
        [sys.executable, "-c", program, "metrics", "--once"], env=env, capture_output=True, text=True
    )
    assert found.returncode != 0
    assert ("OSHIWAKE_" in found.stderr or "visibility_s" in found.stderr) and "hush" not in found.stdout + found.stderr


def test_an_address_for_results_is_not_asked_for() -> None:
    """Celery would take it from the environment, and show the beginning of its password in an error."""
    env = os.environ | {"CELERY_RESULT_BACKEND": "redis://:hush#hush/@127.0.0.1:1/0"}
    program = "from tasks.celery_app import app; print(app.backend.as_uri())"
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "disabled://\n", "")
