"""OpenVINO sends nothing about whoever uses it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_its_telemetry_is_never_loaded(tmp_path: Path) -> None:
    """Nor can anything load it later; the home folder stays empty."""
    pytest.importorskip("model.network.openvino_runtime", reason="OpenVINO is not installed")
    code = (
        "import sys\nimport model.network.openvino_runtime\n"
        "assert not [name for name, module in sys.modules.items() if module and 'openvino_telemetry' in name]\n"
        "try:\n    import openvino_telemetry\n    sys.exit('it was imported')\nexcept ImportError: pass"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    subprocess.run([sys.executable, "-c", code], env=env | {"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []


def test_tests_and_benchmarks_import_it_no_other_way() -> None:
    """import-linter sees the packages; this sees the rest."""
    wrong = re.compile(r"^\s*(import openvino|from openvino)|importorskip\(.openvino", re.MULTILINE)
    files = [path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert files
    assert [str(path) for path in files if wrong.search(path.read_text(encoding="utf-8"))] == []
