"""OpenVINO without its telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


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
