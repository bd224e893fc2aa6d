"""Output for a person (terminal, pipe or log) and, as JSON, for a program."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.filesize import decimal
from rich.highlighter import JSONHighlighter
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from model.counted_nouns import counted, duration, noun
from model.matching.expectation import expectation
from model.printable import json_text
from producer.exclusion import PassedOver
from producer.hints import pasteable
from producer.status import SILENT_S, RunState, RunStatus
from store.user_decision import UserDecision

if TYPE_CHECKING:
    from workers.history import Event

__all__ = [
    "passed_line",
    "print_decisions",
    "print_events",
    "print_json",
    "print_runs",
    "print_status",
    "print_summary",
]

_SHOWN = 10
"""How many failures of each kind are named."""

_CHARACTERS_SHOWN = 20
"""How many characters the summary counts by name."""

_FAR_SHOWN = 3
"""How many characters without a close picture are named; an archive need not show every character."""


def print_json(value: object, console: Console) -> None:
    """Print a value as JSON: on one line in a pipe, indented and coloured on a terminal."""
    text = Text(json_text(value, indent=2 if console.is_terminal else None))
    console.print(JSONHighlighter()(text) if console.is_terminal else text, soft_wrap=True)


def status_fields(status: RunStatus) -> dict[str, object]:
    """A status as JSON fields."""
    return {
        **dataclasses.asdict(status),
        "state": status.state.value,
        "shared": list(status.shared),
        "reduced": list(status.reduced),
    }


def print_status(status: RunStatus, console: Console) -> None:
    """Print a run's state in a few lines."""
    rows = [
        ("run", f"[bold]{status.run}[/bold]  {status.state.value}"),
        ("archive", escape(status.archive)),
        ("output", escape(status.output)),
    ]
    files = counted(status.scanned, "file")
    rows.append(("scanned", f"{files}, {status.reused:,} of them unchanged since an earlier run"))
    numbers = f"{status.embedded:,} embedded, {status.failed:,} unreadable, {status.unsupported:,} not supported"
    rows.append(("read", f"{numbers}, {status.remaining:,} remaining"))
    if status.images_per_s and not status.ended:
        left = f", {duration(status.left_s)} left" if status.left_s else ""
        rows.append(("speed", f"{status.images_per_s:,.1f} images/s{left}"))
    if status.state is RunState.REDUCING and status.reducing[2]:
        what, done, total = status.reducing
        rows.append(("reduced", f"{what}: {done:,} of {total:,}"))
    if not status.ended:
        names = ", ".join(f"{worker.name} ({'+'.join(worker.queues)})" for worker in status.workers)
        rows.append(("workers", f"{len(status.workers)} alive{': ' if names else ''}{escape(names)}"))
    for chunk, reason in list(status.errors.items())[:_SHOWN]:
        rows.append(("[red]failed[/red] ", escape(f"{chunk}: {reason}")))
    if len(status.errors) > _SHOWN:
        rows.append(("", f"… and {counted(len(status.errors) - _SHOWN, 'more chunk')} (--json lists all)"))
    for name, text in rows:
        console.print(f"{name:<7}  {text}", soft_wrap=True)
    for line in _what_to_do(status):
        console.print(escape(pasteable(line)), soft_wrap=True)
    if status.summary is not None and status.state is RunState.DONE:
        print_summary(status, console)


def _what_to_do(status: RunStatus) -> Iterable[str]:
    """How a run that does not go on by itself is continued."""
    if status.state is RunState.STOPPED:
        yield f"the run has stopped; `producer resume {status.run}` continues it"
    if status.state is RunState.EMBEDDING and (status.silent_s or 0.0) >= SILENT_S:
        silent = f"no chunk was finished for {duration(status.silent_s or 0.0)}"
        yield f"{silent}; if a worker was killed, `producer resume {status.run}` sends its chunks again"
    if status.state is RunState.FAILED:
        yield f"fix the cause, then `producer resume {status.run}` continues the run"


def print_summary(status: RunStatus, console: Console) -> None:
    """Print the outcome of a reduced run."""
    summary = status.summary or {}
    console.print()
    console.print(_counts_table(summary), soft_wrap=True)
    if characters := _characters_line(summary):
        console.print(escape(characters), soft_wrap=True, highlight=False)
    console.print(escape("; ".join(filter(None, (status.references, status.rule)))), soft_wrap=True, highlight=False)
    for line in _expected_lines(summary):
        console.print(line, soft_wrap=True, highlight=False)
    if line := passed_line(status.passed_over):
        console.print(line, soft_wrap=True, highlight=False)
    for line in [*_decided_lines(summary), *_placing_lines(summary, status)]:
        console.print(line, soft_wrap=True, highlight=False)
    _print_failures(summary, console)
    for line in _far_lines(summary):
        console.print(line, markup=False, soft_wrap=True, highlight=False)
    console.print(
        f"sorted into [bold]{escape(status.output)}[/bold]; every file is listed in {escape(summary['report'])}",
        soft_wrap=True,
    )


def passed_line(passed: PassedOver) -> str:
    """What the scan skipped, in one line; empty if it skipped nothing."""
    numbers = [(passed.folders, "folder"), (passed.files, "file")]
    counts = " and ".join(counted(number, one) for number, one in numbers if number)
    written = f", {passed.unfinished:,} still being written" if passed.unfinished else ""
    return f"skipped: {counts} (system, hidden or excluded{written})" if counts else ""


def _counts_table(summary: dict[str, Any]) -> Table:
    table = Table(title=None, box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    outcomes: dict[str, int] = {**summary["outcomes"]}
    kinds: dict[str, int] = summary.get("unsupported_kinds", {})
    outcomes["unsupported"] -= sum(kinds.values())
    meanings = {
        "assigned": "assigned to a character",
        "unknown": "unknown: no character is close enough",
        "review": "to review: too close to call between two characters",
        "duplicate": noun(outcomes["duplicate"], "duplicate of another file", "duplicates of other files"),
        "unreadable": "unreadable",
        "unsupported": noun(outcomes["unsupported"], "not a picture", "not pictures"),
    }
    for name, meaning in meanings.items():
        if outcomes[name] or name in ("assigned", "unknown"):
            table.add_row(f"{outcomes[name]:,}", meaning)
    if kinds:
        number = sum(kinds.values())
        table.add_row(f"{number:,}", escape(f"{noun(number, 'file')} of unsupported kinds: {_listed(kinds)}"))
    files: int = summary["files"]
    table.add_row(f"[bold]{files:,}[/bold]", f"[bold]{noun(files, 'file')} seen[/bold]")
    return table


def _characters_line(summary: dict[str, Any]) -> str:
    """`Akari 24, Ines 23, Dahlia 22`, most pictures first; empty if no picture got a name."""
    counts: dict[str, int] = summary.get("characters", {})
    first = sorted(counts.items(), key=lambda item: -item[1])[:_CHARACTERS_SHOWN]
    more = len(counts) - len(first)
    rest = f" … and {counted(more, 'more character')} (--json lists all)" if more else ""
    return ", ".join(f"{name} {count:,}" for name, count in first) + rest


def _listed(kinds: dict[str, int]) -> str:
    """`2 SVG, 1 camera raw (CR2)`, most frequent first."""
    some = [f"{count:,} {kind}" for kind, count in list(kinds.items())[:_SHOWN]]
    more = [f"{counted(len(kinds) - _SHOWN, 'more kind')} (--json lists all)"] if len(kinds) > _SHOWN else []
    return ", ".join(some + more)


def _placing_lines(summary: dict[str, Any], status: RunStatus) -> Iterable[str]:
    placed: dict[str, int] = summary["placed"]
    words = {
        "hardlink": ("hard link", "hard links"),
        "symlink": ("symbolic link", "symbolic links"),
        "copy": ("copy", "copies"),
        "move": ("moved", "moved"),
        "rename": ("moved to another folder", "moved to another folder"),
        "remove": ("removed", "removed"),
    }
    done = ", ".join(counted(placed[name], *forms) for name, forms in words.items() if placed.get(name))
    already = f"{summary['already']:,} already in place"
    reused = f"; reused {counted(status.reused, 'embedding')}" if status.reused else ""
    copied = summary.get("read", {}).get("copied", 0)
    known = f"; {copied:,} read and known by content" if copied else ""
    yield f"placed: {done or 'nothing new'}; {already}{reused}{known}"
    if summary["copied_instead"]:
        copies = counted(summary["copied_instead"], "is a copy", "are copies")
        yield f"{copies}: hard links cannot cross file systems, reach object storage, or link files of another owner"
    if summary["left_alone"]:
        yield f"{summary['left_alone']:,} left where you put them"
    if renamed := summary.get("renamed"):
        yield f"{renamed:,} recognised under another name in the archive; nothing to place"
    if gone := summary.get("gone"):
        are = counted(gone, "picture in the output is", "pictures in the output are")
        yield f"{are} no longer in the archive; `producer tidy --dry-run` lists them"


def _decided_lines(summary: dict[str, Any]) -> Iterable[str]:
    """What was understood from the work of a person in the output, and what a person decided in all."""
    by_hand: dict[str, Any] = summary.get("by_hand", {})
    moved, taken_out, edited = (by_hand.get(name, 0) for name in ("moved", "taken_out", "edited"))
    did = [(moved, "moved by hand"), (taken_out, "taken out by hand"), (edited, "edited")]
    told = [f"{by_hand[name]:,} {name}" for name in ("confirmed", "rejected") if by_hand.get(name)]
    if names := by_hand.get("characters", []):
        shown = ", ".join(map(repr, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
        told.append(f"{counted(len(names), 'new character')} {shown}")
    if pictures := ", ".join(f"{counted(number, 'picture')} {what}" for number, what in did if number):
        yield escape(f"{pictures}: {', '.join(told)}" if told else pictures)
    for old, new in list(by_hand.get("renamed", {}).items())[:_SHOWN]:
        yield escape(f"character {old!r} is called {new!r} from now on: its folder was renamed")
    if text := by_hand.get("not_understood"):
        yield f"[yellow]{escape(text)}[/yellow]"
    if decisions := summary.get("decided"):
        yield f"{counted(decisions, 'decision')} of yours heeded (`producer decisions list`)"
    if unread := summary.get("unread_confirmed"):
        yield f"{counted(unread, 'confirmed picture')} not read by any run, and so no reference"


def _expected_lines(summary: dict[str, Any]) -> Iterable[str]:
    """The threshold and what it means, in plain words; nothing of a pass of an older version."""
    shares = (summary.get(name) for name in ("strangers_named", "known_missed", "confidence"))
    if line := expectation(summary.get("threshold", 0.0), *shares):
        yield line
    if remark := summary.get("remark"):
        yield f"threshold {summary['threshold']:.2f} is {escape(remark)}"


def _far_lines(summary: dict[str, Any]) -> Iterable[str]:
    """A few of the characters that no picture resembles, and a possible cause."""
    shown = summary.get("far_characters", [])[:_FAR_SHOWN]
    for one in shown:
        nearest = one["nearest"]
        distances = "" if nearest is None else f" (nearest {nearest:.2f}, threshold {summary['threshold']:.2f})"
        yield f"no picture resembles {one['name']!r}{distances}"
    more = summary.get("far_character_count", 0) - len(shown)
    if more > 0:
        yield f"… nor {counted(more, 'other character')}"
    if shown:
        yield (
            "if they are in the archive, check their reference pictures: a picture of two characters, or of a small"
            " figure in a scene, matches nobody"
        )


def _print_failures(summary: dict[str, Any], console: Console) -> None:
    """Print up to ten failures of each kind, and where the rest is."""
    unreadable: int = summary["outcomes"]["unreadable"]
    kinds: list[tuple[str, list[str], int]] = [
        ("unreadable", summary["failed"], unreadable),
        ("bad reference", summary["bad_references"], len(summary["bad_references"])),
        ("not placed", summary["problems"], summary["problem_count"]),
    ]
    for word, lines, count in kinds:
        for line in lines[:_SHOWN]:
            console.print(f"[yellow]{word}[/yellow] {escape(line)}", soft_wrap=True, highlight=False)
        if count > len(lines[:_SHOWN]):
            console.print(f"… and {count - len(lines[:_SHOWN]):,} more; the report lists all", soft_wrap=True)


def print_decisions(decisions: Iterable[UserDecision], console: Console) -> None:
    """Print a table of decisions."""
    table = Table(box=None, pad_edge=False)
    for title in ("id", "when", "decision", "character", "by", "picture"):
        table.add_column(title, overflow="fold")
    for one in decisions:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.time_s))
        names = escape(f"{one.character} → {one.name}" if one.name else one.character)
        table.add_row(one.id, when, one.kind.value, names, one.origin.value, escape(one.file))
    console.print(table)


def print_events(events: Iterable[Event], console: Console) -> None:
    """Print a picture's history, a line for each event."""
    table = Table.grid(padding=(0, 2))
    for event in events:
        table.add_row(event.when, event.by, escape(event.what))
    console.print(table)


def print_runs(statuses: Iterable[tuple[RunStatus, int]], console: Console) -> None:
    """Print a table of runs with their sizes, given in bytes.

    In a pipe each run is one line; on a terminal the folders follow below, where no column breaks them.
    """
    titles = ("run", "state", "files", "assigned", "size", "archive", "output")
    rows = [
        (
            status.run,
            status.state.value,
            f"{status.scanned:,}",
            f"{status.summary['outcomes']['assigned']:,}" if status.summary else "",
            decimal(size),
            escape(status.archive),
            escape(status.output),
        )
        for status, size in statuses
    ]
    columns = 5 if console.is_terminal else len(titles)
    widths = [max(len(row[k]) for row in (titles, *rows)) for k in range(5)]
    for row in (titles, *rows):
        cells = [f"{row[k]:>{widths[k]}}" if k in (2, 3, 4) else f"{row[k]:<{widths[k]}}" for k in range(5)]
        console.print("  ".join([*cells, *row[5:columns]]).rstrip(), soft_wrap=True, highlight=False)
        if columns == 5 and row is not titles:
            console.print(f"    {row[5]}\n    → {row[6]}", soft_wrap=True, highlight=False)
