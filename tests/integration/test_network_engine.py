"""What loading an engine imports."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from model.network.weights_file import DEFAULT_WEIGHTS

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")


@needs_openvino
def test_torch_is_not_loaded_on_a_processor() -> None:
    """A worker without a GPU starts without the seconds and the memory that importing torch costs."""
    code = (
        "import sys, numpy\nfrom pathlib import Path\nfrom model.network.embedder import Embedder\n"
        "embedder = Embedder.load(Path(sys.argv[1]), threads=1)\n"
        "assert len(embedder.embed(numpy.zeros((3, 96, 96, 3), 'uint8'))) == 3\n"
        "assert not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(DEFAULT_WEIGHTS)], check=True, timeout=120)
