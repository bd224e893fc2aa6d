"""What the command line does not load before it needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("program", "never"),
    [
        ("import producer.cli", "torch torchvision celery kombu pyarrow PIL"),
        ("import producer.scan, producer.chunks, producer.references, producer.request", "torch torchvision celery"),
        (
            "import producer.session, producer.progress_view, producer.printing",
            "torch torchvision celery pyarrow numpy redis PIL",
        ),
        ("import tasks.queue_client", "torch torchvision celery pyarrow numpy PIL"),
    ],
)
def test_light_imports(program: str, never: str) -> None:
    """The command line starts without the heavy packages; scanning and status never load torch or Celery."""
    check = f"import sys; {program}; print([name for name in {never.split()!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_light_help() -> None:
    """`producer --help` loads none of the heavy packages."""
    program = (
        "import sys; from producer.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = [name for name in ('torch', 'celery', 'pyarrow', 'PIL') if name in sys.modules]\n"
        "assert not heavy, heavy"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "enqueue" in found.stdout
