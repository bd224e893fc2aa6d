"""What a person sees: whole paths in a narrow terminal, one line each in a pipe."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from producer.printing import print_json, print_runs, print_status, status_fields
from producer.session import Session
from producer.status import RunState, RunStatus

ARCHIVE = "/mnt/nas/" + "illustrations " * 20 + "end"

SUMMARY = {
    "files": 3,
    "outcomes": {"assigned": 3, "unknown": 0, "review": 0, "duplicate": 0, "unreadable": 0, "unsupported": 0},
    "failed": [],
    "bad_references": [],
    "placed": {"copy": 3},
    "copied_instead": 3,
    "already": 0,
    "left_alone": 0,
    "problems": [],
    "problem_count": 0,
    "report": "/sorted/report.csv",
}


def status(state: RunState = RunState.EMBEDDING, errors: int = 0) -> RunStatus:
    """A run over an archive with a long path."""
    failures = {f"chunk {n}": "RootNotVisible: this machine does not see the archive" for n in range(errors)}
    return RunStatus("20261123-0412", state, ARCHIVE, "/sorted", errors=failures)


def test_a_narrow_terminal_shows_whole_paths() -> None:
    """Neither folded nor cut, so that they can be copied; run ids too."""
    file = io.StringIO()
    console = Console(file=file, width=30, force_terminal=True, color_system=None)
    print_status(status(), console)
    print_runs([(status(), 1)], console)
    lines = file.getvalue().splitlines()
    assert f"archive  {ARCHIVE}" in lines and f"    {ARCHIVE}" in lines and "    → /sorted" in lines
    assert any(line.startswith("20261123-0412  embedding") for line in lines)


def test_in_a_pipe_nothing_is_wrapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line per run, however long, for grep and cut."""
    session = Session(tmp_path)
    print_runs([(status(), 1), (status(), 2_345_678)], session.out)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(ARCHIVE in line for line in lines[1:])
    assert "1 byte" in lines[1] and "2.3 MB" in lines[2]
    print_status(status(), session.out)
    fields = [line.strip().split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["archive", ARCHIVE] in fields


def test_a_reduction_shows_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parts that several reducers assign first, then the chunks; nothing while nobody has begun."""
    session = Session(tmp_path)
    for shared, reduced in (((0, 0), (0, 0)), ((3, 8), (0, 0)), ((8, 8), (1, 2000))):
        print_status(replace(status(RunState.REDUCING), shared=shared, reduced=reduced), session.out)
    lines = [
        line.split(maxsplit=1)[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("reduced")
    ]
    assert lines == ["assigning (parts): 3 of 8", "assigning and placing (chunks): 1 of 2,000"]


@pytest.mark.parametrize(("number", "said"), [(0, ""), (2, "Akari 2, [b]Ines 1"), (30, "… and 10 more characters")])
def test_characters_are_counted(number: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Most pictures first, and no more than a few lines of an archive of thousands."""
    names = ["[b]Ines", "Akari", *(f"c{n}" for n in range(28))][:number]
    summary = {**SUMMARY, "characters": {name: 2 if name == "Akari" else 1 for name in names}}
    print_status(replace(status(RunState.DONE), summary=summary), Session(tmp_path).out)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("given", [True, False])
def test_hints_can_be_pasted(
    given: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the store that was given, quoted for a shell; one from the environment needs no mention."""
    store = tmp_path / "my store"
    if not given:
        monkeypatch.setenv("OSHIWAKE_STORE", str(store))
    session = Session(str(store))
    print_status(status(RunState.FAILED), session.out)
    session.say("`producer list` shows the runs; start with `producer run`")
    more = f" --store '{store}'" if given else ""
    out, err = capsys.readouterr()
    assert f"`producer resume 20261123-0412{more}`" in out
    assert err == f"`producer list{more}` shows the runs; start with `producer run`\n"


def test_nothing_is_said_of_what_was_not_reused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A further pass uses all its embeddings again; `reused 0` is said of the scan and would be understood of them."""
    session = Session(tmp_path)
    print_status(replace(status(RunState.DONE), summary=SUMMARY), session.out)
    text = capsys.readouterr().out
    assert "reused" not in text and "3 are copies: hard links cannot cross file systems" in text
    print_status(replace(status(RunState.DONE), summary=SUMMARY, reused=2), session.out)
    assert "reused 2 embeddings" in capsys.readouterr().out


def test_renamed_and_gone_pictures_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there are some."""
    session = Session(tmp_path)
    told = {**SUMMARY, "renamed": 3, "gone": 1, "read": {"images": 5, "embedded": 5, "copied": 4}}
    print_status(replace(status(RunState.DONE), summary=told), session.out)
    text = capsys.readouterr().out
    assert "4 read and known by content" in text and "3 recognised under another name in the archive" in text
    assert "1 picture in the output is no longer in the archive" in text
    print_status(replace(status(RunState.DONE), summary=SUMMARY), session.out)
    text = capsys.readouterr().out
    assert not any(word in text for word in ("known by content", "recognised", "no longer"))


def test_kinds_that_are_not_supported_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Apart from what is no picture at all; in JSON too."""
    names = ("assigned", "unknown", "review", "duplicate", "unreadable", "unsupported")
    summary = {
        "files": 9,
        "outcomes": dict.fromkeys(names, 1) | {"unsupported": 4},
        "unsupported_kinds": {"SVG": 2, "camera raw (CR2)": 1},
        "failed": ["x.png: damaged"],
        "bad_references": [],
        "placed": {"copy": 3},
        "copied_instead": 0,
        "already": 0,
        "left_alone": 0,
        "problems": [],
        "problem_count": 0,
        "report": "/sorted/report.csv",
    }
    session = Session(tmp_path)
    print_status(replace(status(RunState.DONE), summary=summary), session.out)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "1 not a picture" in lines
    assert "3 files of unsupported kinds: 2 SVG, 1 camera raw (CR2)" in lines
    print_json(status_fields(replace(status(RunState.DONE), summary=summary)), session.out)
    assert json.loads(capsys.readouterr().out)["summary"]["unsupported_kinds"] == {"SVG": 2, "camera raw (CR2)": 1}


def test_a_run_that_stands_still_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The chunks of a killed worker come back after an hour; a person can send them now."""
    session = Session(tmp_path)
    print_status(replace(status(), silent_s=5.0), session.out)
    assert "resume" not in capsys.readouterr().out
    print_status(replace(status(), silent_s=600.0), session.out)
    assert "no chunk was finished for 10 min 00 s" in capsys.readouterr().out


def test_a_failed_run_names_ten_chunks_and_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of ten thousand chunks does not flood the terminal; JSON has them all."""
    session = Session(tmp_path)
    print_status(status(RunState.FAILED, errors=25), session.out)
    text = capsys.readouterr().out
    assert text.count("RootNotVisible") == 10 and "15 more" in text and "producer resume 20261123-0412" in text
    print_json(status_fields(status(RunState.FAILED, errors=25)), session.out)
    assert len(json.loads(capsys.readouterr().out)["errors"]) == 25


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (1, 2), (3, 4), (4, 5), (500, 5)])
def test_characters_that_no_picture_resembles_take_a_few_lines(
    count: int, lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The farthest by name, with both distances if there are any; the others counted; and a possible cause."""
    far = [{"name": f"[bold]{n}", "nearest": None if n else 0.41} for n in range(min(count, 10))]
    summary = {**SUMMARY, "far_characters": far, "far_character_count": count, "threshold": 0.2644}
    seen = replace(status(RunState.DONE), references="2 characters of 1 series", rule="threshold 0.26")
    print_status(replace(seen, summary={**SUMMARY}), Session(tmp_path).out)
    before = capsys.readouterr().out.splitlines()
    print_status(replace(seen, summary=summary), Session(tmp_path).out)
    text = capsys.readouterr().out
    assert len(text.splitlines()) - len(before) == lines
    assert ("no picture resembles '[bold]0' (nearest 0.41, threshold 0.26)" in text) is bool(count)
    assert ("no picture resembles '[bold]1'\n" in text) is (count > 1)
    assert ("matches nobody" in text) is bool(count) and ("497 other characters" in text) is (count == 500)
    assert "2 characters of 1 series; threshold 0.26" in text


def test_what_was_understood_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers of pictures, new characters, renamed ones, and why nothing was understood."""
    session = Session(tmp_path)
    by_hand = {"moved": 3, "confirmed": 2, "rejected": 1, "characters": ["Mio"], "renamed": {"Akari": "Rin"}}
    summary = {**SUMMARY, "by_hand": by_hand, "decided": 1, "unread_confirmed": 2}
    print_status(replace(status(RunState.DONE), summary=summary), session.out)
    text = capsys.readouterr().out
    assert "3 pictures moved by hand: 2 confirmed, 1 rejected, 1 new character 'Mio'\n" in text
    assert "character 'Akari' is called 'Rin' from now on" in text and "1 decision of yours" in text
    assert "2 confirmed pictures not read by any run" in text
    summary["by_hand"] = {"not_understood": "is a disk [not] mounted?"}
    print_status(replace(status(RunState.DONE), summary=summary), session.out)
    text = capsys.readouterr().out
    assert "is a disk [not] mounted?" in text and "by hand" not in text
