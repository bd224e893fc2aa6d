"""Messages and logs of the programs show hostile names as letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.hostile_text import HOSTILE, is_command


@pytest.mark.parametrize(
    "command",
    [
        ["producer.cli", "producer", "run", "NAME", "--references", "NAME", "--output", "NAME"],
        ["producer.cli", "producer", "similarity", "NAME", "NAME"],
        ["model.cli.main", "reid", "dataset", "scan", "NAME", "-o", "x.parquet"],
        ["model.cli.main", "reid", "calibrate", "NAME"],
    ],
)
def test_errors_name_files_in_letters(command: list[str], tmp_path: Path) -> None:
    """One line, whatever the file is called."""
    module, program, *args = command
    name = str(tmp_path / HOSTILE.replace("/", "").replace("[bold]", ""))
    args = [name if arg == "NAME" else arg for arg in args]
    code = f"import sys; from {module} import main; sys.argv[0] = {program!r}; main()"
    found = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 2, found.stderr
    assert found.stderr.count("\n") == 1 and "\\x1b[2J" in found.stderr
    assert not any(is_command(letter) for letter in found.stderr.replace("\n", ""))


def test_workers_log_in_letters() -> None:
    """Celery sets its logging up with that formatter, for its own lines and those of tasks."""
    code = (
        "import logging; from tasks.celery_app import app; from celery.utils.log import get_task_logger\n"
        "app.loader.import_default_modules(); app.log.setup(loglevel='INFO', redirect_stdouts=False, colorize=True)\n"
        f"logging.getLogger('tasks.embed').error('of %s', {HOSTILE!r}); get_task_logger('t').error({HOSTILE!r})"
    )
    env = {name: value for name, value in os.environ.items() if "BROKER_URL" not in name}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert found.stderr.count("\\x1b[2J") == 2 and "\x1b" not in found.stderr, found.stderr
