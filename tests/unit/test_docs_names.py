"""Tests, files and modules that the documentation names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
FOLDERS = "producer|tasks|workers|model|store|tests|benchmarks|deploy|docs"
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_module_that_a_page_names_exists(page: Path) -> None:
    """Files and folders such as `store/run.py`, modules such as `store.run`; of the old names, those of today."""
    text = page.read_text()
    if page.name == "old-names.md":
        text = re.sub(r"^\| [^|]* \|", "|", text, flags=re.MULTILINE)
    files = re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    modules = re.findall(r"`((?:producer|tasks|workers|model|store)(?:\.(?!py\b)[a-z_]\w*)+)", text)
    assert [module for module in modules if not is_module(module)] == []


def is_module(name: str) -> bool:
    """Whether there is such a module, or a module with such a name in it."""
    path = ROOT.joinpath(*name.split("."))
    if any(path.with_suffix(suffix).exists() for suffix in ("", ".py", ".c")):
        return True
    module = path.parent.with_suffix(".py")
    return module.exists() and re.search(rf"\b{path.name}\b", module.read_text()) is not None
