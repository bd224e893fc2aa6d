"""Patterns of `--exclude` beside those of git."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.exclusion import Exclusion, PassedOver
from producer.scan import scan
from tests.unit.scanned import fill


def scanned(root: Path, *patterns: str, hidden: bool = False) -> tuple[list[str], PassedOver]:
    """What is seen, and what is passed over."""
    found = scan(bytes(root), exclusion=Exclusion(patterns, hidden))
    return [listed.name for listed in found], found.passed


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed; it is what is compared with")
def test_the_same_fits_as_for_git(tmp_path: Path) -> None:
    """Any pattern of these parts, in any tree of these names."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "config", "core.ignorecase", "true"], check=True)
    folders = ["/".join(path) for n in range(3) for path in itertools.product(("a", "b", "ab.d"), repeat=n)]
    fill(tmp_path, *(os.path.join(folder, name) for folder in folders for name in ("x", "y.B", "a.c")))
    tree, _ = scanned(tmp_path)
    part = st.sampled_from(["a", "b", "B", "*", "?", "a*", "**", "[ab]", "*.b", "x", "[!x]", "ab.D"])
    pattern = st.tuples(
        st.sampled_from(["", "/"]), st.lists(part, min_size=1, max_size=3).map("/".join), st.sampled_from(["", "/"])
    ).map("".join)

    @given(st.lists(pattern, min_size=1, max_size=2))
    @settings(deadline=None, derandomize=True, max_examples=100)
    def check(patterns: list[str]) -> None:
        (tmp_path / ".git" / "info" / "exclude").write_text("\n".join(patterns) + "\n")
        asked = subprocess.run(
            ["git", "-C", tmp_path, "check-ignore", "--no-index", "--stdin"],
            input="\n".join(tree),
            capture_output=True,
            text=True,
            check=False,
        )
        assert asked.returncode in (0, 1), asked.stderr
        seen, passed = scanned(tmp_path, *patterns)
        assert set(tree) - set(seen) == set(asked.stdout.splitlines())
        assert passed.unfinished == 0

    check()
