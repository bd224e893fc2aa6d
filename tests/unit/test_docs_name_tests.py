"""docs/security.md and docs/reliability.md name the test of each statement: each such test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = [(path.name, path.read_text()) for path in (ROOT / "tests").rglob("*.py")]


@pytest.mark.parametrize("page", ["security", "reliability"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    """By its file, by its name, or by both; `test_a_…` and `…_b` are pieces of a name."""
    named = re.findall(r"\btest_\w+(?:\.py)?(?:::\w+)*…?", (ROOT / "docs" / f"{page}.md").read_text())
    assert len(named) > 40
    assert [name for name in named if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether there is such a file, with such tests in it, or such a test in any file."""
    file, _, inside = name.partition("::")
    if not file.endswith(".py"):
        return any(f"def {file.removesuffix('…')}" in text or found == f"{file}.py" for found, text in TESTS)
    parts = [part for part in inside.split("::") if part]
    return any(
        found == file and all(re.search(rf"(def|class) {part}\b", text) for part in parts) for found, text in TESTS
    )
