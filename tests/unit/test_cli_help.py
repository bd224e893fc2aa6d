"""The help of every command of `producer` and `reid`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer import Typer
from typer.main import get_command
from typer.testing import CliRunner

import model.cli
import producer.cli

APPS = {"producer": producer.cli.app, "reid": model.cli.app}


_REPEATED = re.compile(r"[]}]\.\.\.")
"""Behind an argument that may stand several times."""


def commands(app: Typer) -> Iterator[tuple[str, ...]]:
    """The words of every command and of every group of commands."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), get_command(app))]
    while waiting:
        words, command = waiting.pop()
        yield words
        waiting += [((*words, name), inner) for name, inner in getattr(command, "commands", {}).items()]


ALL = [(name, *words) for name, app in APPS.items() for words in commands(app)]


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_can_be_read_and_copied(words: tuple[str, ...], option: str) -> None:
    """80 columns cut nothing, a flag has no type, and there is an example of every command."""
    program, *command = words
    found = CliRunner().invoke(APPS[program], [*command, option], prog_name=program, terminal_width=80)
    assert found.exit_code == 0
    lines = found.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert "<bool>" not in found.output and "..." not in _REPEATED.sub("", found.output) and "…" not in lines[-1]
    assert "Commands:" in found.output or f"Example: {' '.join(words)}" in found.output


@pytest.mark.parametrize("program", APPS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(program: str, shell: str) -> None:
    """What a shell asks for after `producer re` names the commands that begin so."""
    names = {"producer": "re", "reid": "we"}
    env = {"_TYPER_COMPLETE_ARGS": f"{program} {names[program]}", "COMP_WORDS": f"{program} {names[program]}"}
    env |= {
        f"_{program.upper()}_COMPLETE": f"complete_{shell}",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    found = CliRunner().invoke(APPS[program], [], prog_name=program, env=env)
    assert {"producer": "resume", "reid": "weights"}[program] in found.output
