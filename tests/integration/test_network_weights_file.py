"""What reading a weights file imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from model.network.weights_file import read_info


def test_description_needs_no_torch(small_weights: Path) -> None:
    """The command line shows and checks weights without loading torch."""
    program = (
        "import sys; from pathlib import Path; from model.network.weights_file import read_info\n"
        "info = read_info(Path(sys.argv[1])); print(info.digest)\n"
        "assert 'torch' not in sys.modules and 'torchvision' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", program, small_weights], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == read_info(small_weights).digest
