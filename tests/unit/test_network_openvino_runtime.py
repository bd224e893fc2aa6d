"""OpenVINO sends nothing about whoever uses it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_tests_and_benchmarks_import_it_no_other_way() -> None:
    """import-linter sees the packages; this sees the rest."""
    wrong = re.compile(r"^\s*(import openvino|from openvino)|importorskip\(.openvino", re.MULTILINE)
    files = [path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert files
    assert [str(path) for path in files if wrong.search(path.read_text(encoding="utf-8"))] == []
