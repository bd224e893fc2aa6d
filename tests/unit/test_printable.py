"""Hostile text on a terminal: shown as letters, by every program, at the one place where each prints."""

from __future__ import annotations

import io
import json
import logging
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table

from model.printable import json_text, printable, printable_lines
from model.terminal import Terminal
from producer.printing import print_json, print_runs, print_status, status_fields
from producer.session import Session
from producer.status import RunState, RunStatus
from tasks.log_escaping import PrintableFormatter
from tasks.worker_registry import LiveWorker
from tests.unit.hostile_text import HOSTILE, is_command

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x9b\n\r\t\u202e\u2028\udcff[]\\/:桜")), max_size=30)

INVISIBLE_BUT_NEEDED = "\u200c\u200d"


def test_every_letter_of_unicode() -> None:
    """What commands a terminal is escaped; letters, marks, emoji and their joiners are not."""
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if is_command(letter):
            assert printable(letter).isascii() and printable(letter)[0] == "\\", hex(code)
        elif unicodedata.category(letter) not in ("Cf", "Cn") or letter in INVISIBLE_BUT_NEEDED:
            assert printable(letter) == letter, hex(code)


@given(TEXTS)
@example(HOSTILE)
def test_json_is_exact(text: str) -> None:
    """Who parses it gets the very text; who looks at it is safe."""
    for indent in (None, 2):
        shown = json_text({text: [text]}, indent)
        assert json.loads(shown) == {text: [text]}
        assert not any(is_command(letter) for letter in shown.replace("\n", ""))
    assert "\n" not in json_text(text)


@given(TEXTS)
@example(HOSTILE)
@example("桜木 ひな.png")
def test_a_console_prints_letters(text: str) -> None:
    """Alone, in markup and in a table: exactly the letters of the printable text, and no others."""
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True, color_system=None, width=10_000, highlight=False)
    console.print(text, markup=False, soft_wrap=True)
    console.print(f"[bold]{escape(text)}[/bold]!", soft_wrap=True)
    table = Table.grid()
    table.add_row(f"[bold]{escape(text)}[/bold]|")
    console.print(table)
    lines = file.getvalue().split("\n")
    plain = printable(text)
    assert lines[0].rstrip() == plain.rstrip()
    assert lines[1] == plain + "!"
    assert lines[2].rstrip() == plain + "|"


def hostile_status(state: RunState) -> RunStatus:
    """A run of which everything that comes from elsewhere is hostile."""
    summary = {
        "files": 1,
        "outcomes": {"assigned": 0, "unknown": 0, "review": 0, "duplicate": 0, "unreadable": 1, "unsupported": 0},
        "failed": [HOSTILE],
        "bad_references": [HOSTILE],
        "placed": {},
        "copied_instead": 0,
        "already": 0,
        "left_alone": 0,
        "problems": [HOSTILE],
        "problem_count": 1,
        "report": HOSTILE,
    }
    found = RunStatus("20261123-0412", state, HOSTILE, HOSTILE, rule=HOSTILE)
    workers = [LiveWorker(HOSTILE, (HOSTILE,), 1)]
    return replace(found, summary=summary, workers=workers, errors={HOSTILE: HOSTILE})


@pytest.mark.parametrize("state", list(RunState))
def test_a_status_of_hostile_text(state: RunState, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a command shows of a run; as JSON it is exact."""
    session, seen = Session(tmp_path), hostile_status(state)
    print_status(seen, session.out)
    print_runs([(seen, 1)], session.out)
    session.say(HOSTILE)
    shown = capsys.readouterr()
    assert not any(is_command(letter) for letter in (shown.out + shown.err).replace("\n", ""))
    assert "[bold]x[/bold][link=http://h]:smile:" in shown.out and "\nproducer: forged" not in shown.out + shown.err
    print_json(status_fields(seen), session.out)
    text = capsys.readouterr().out
    assert json.loads(text)["output"] == HOSTILE and "\x1b" not in text and "\u202e" not in text


def test_logs_are_letters() -> None:
    """A worker's log keeps its lines, and loses what commands a terminal; tracebacks too."""
    formatter = PrintableFormatter(logging.Formatter("%(levelname)s %(message)s"))
    try:
        raise ValueError(f"bad {HOSTILE}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "of %s", (HOSTILE,), sys.exc_info())
    text = formatter.format(record)
    assert "Traceback" in text and text.count("\\x1b[2J") == 2
    assert text == printable_lines(text)
