"""`producer confirm`, `reject`, `ignore`, `decisions`: what a person decides about pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from model.cli.help_style import HELP_STYLE
from producer import options as o

if TYPE_CHECKING:
    from producer.session import Session
    from store.user_decision import UserDecision
    from workers.history import Event

__all__ = ["confirm", "decisions", "history", "ignore", "reject"]

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE", help="Pictures of the archive or of the output, or book.cbz!/page.png."),
]
OutputOfFiles = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        envvar="OSHIWAKE_OUTPUT",
        help="The output that keeps the decisions; default: the one that holds the first file, or the newest run's.",
    ),
]
Head = Annotated[
    str | None,
    typer.Option("--head", metavar="L,T,R,B", help="Only this head, as fractions of the picture: 0.1,0.1,0.4,0.5."),
]

decisions = typer.Typer(help="List, export, import and remove what a person decided.", **HELP_STYLE)


def confirm(
    files: Files,
    character: Annotated[str, typer.Option("--character", "-c", help="The character that they show.")],
    head: Head = None,
    output: OutputOfFiles = None,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Say that pictures show a character.

    The next run files them there, and compares others with them.
    """
    _decide("confirmed", files, character, head, output, json, store)


def reject(
    files: Files,
    character: Annotated[
        str | None,
        typer.Option("--character", "-c", help="The character that they do not show; default: that of their folder."),
    ] = None,
    head: Head = None,
    output: OutputOfFiles = None,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Say that pictures do not show a character.

    No later run files them there.
    """
    _decide("rejected", files, character, head, output, json, store)


def ignore(files: Files, output: OutputOfFiles = None, json: o.Json = False, store: o.StorePath = None) -> None:
    """Leave pictures without a name.

    Nobody needs to be asked about them again.
    """
    _decide("ignored", files, None, None, output, json, store)


def _decide(
    kind: str,
    files: list[str],
    character: str | None,
    head: str | None,
    output: str | None,
    json: bool,
    store: str | None,
) -> None:
    from model.counted_nouns import counted
    from producer.decision_request import decide, find_output, parse_head
    from producer.printing import print_json
    from producer.session import Session
    from store.user_decision import DecisionKind

    session = Session(store)
    place = find_output(session, output, files)
    made = decide(place, DecisionKind(kind), files, character, parse_head(head))
    if json:
        print_json([_fields(one) for one in made], session.out)
    else:
        names = ", ".join(dict.fromkeys(one.character for one in made if one.character))
        of_whom = f" ({names})" if names else ""
        session.say(f"{counted(len(made), 'picture')} {kind}{of_whom}; the next run or `producer reduce` heeds that")


def history(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A picture of the archive or of the output.")],
    output: OutputOfFiles = None,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Print where a picture came from, and what became of it.

    That is when it was placed where, by which run or by hand, and what was decided.
    """
    from producer.decision_request import find_output
    from producer.printing import print_events, print_json
    from producer.session import Session
    from workers.history import picture_history

    session = Session(store)
    events = picture_history(find_output(session, output, [file]), file, session.roots)
    if json:
        print_json([_fields(event) for event in events], session.out)
    elif events:
        print_events(events, session.out)
    else:
        session.say(f"nothing was ever done with {file} in this output")


@decisions.command("list", epilog="Example: producer decisions list --output ~/sorted")
def list_decisions(output: OutputOfFiles = None, json: o.Json = False, store: o.StorePath = None) -> None:
    """List all decisions that count, the oldest first."""
    from producer.printing import print_decisions, print_json
    from producer.session import Session

    session = Session(store)
    found = _counting(session, output)
    if json:
        print_json([_fields(one) for one in found], session.out)
    elif found:
        print_decisions(found, session.out)
    else:
        session.say("nothing was decided yet")


@decisions.command("export", epilog="Example: producer decisions export --output ~/sorted > decisions.jsonl")
def export_decisions(
    output: OutputOfFiles = None,
    references: Annotated[
        bool,
        typer.Option(
            "--references", help='Print the confirmed pictures as {"name": [files]}, as --references takes them.'
        ),
    ] = False,
    store: o.StorePath = None,
) -> None:
    """Print all decisions as JSON lines."""
    from producer.decision_request import find_output
    from producer.printing import print_json
    from producer.session import Session
    from store.decision_log import DecisionLog
    from store.user_decision import to_lines
    from workers.confirmed_files import confirmed_files

    session = Session(store)
    place = find_output(session, output, [])
    if references:
        print_json(confirmed_files(place, session.roots), session.out)
    else:
        for line in to_lines(DecisionLog(place).read()).splitlines():
            session.out.out(line, highlight=False)


@decisions.command("import", epilog="Example: producer decisions import decisions.jsonl --output ~/sorted")
def import_decisions(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON lines that `export` printed; - for standard input.")
    ],
    output: OutputOfFiles = None,
    store: o.StorePath = None,
) -> None:
    """Add decisions from JSON lines.

    Those that are known already are not added twice.
    """
    import sys
    from pathlib import Path

    from model.counted_nouns import counted
    from producer.decision_request import find_output
    from producer.errors import BadRequest
    from producer.session import Session
    from store.decision_log import DecisionLog
    from store.user_decision import read_lines

    session = Session(store)
    log = DecisionLog(find_output(session, output, []))
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise BadRequest(f"{file}: {error}") from error
    known = {one.id for one in log.read()}
    new = [one for one in read_lines(text.splitlines(), Path(file)) if one.id not in known]
    log.append(new)
    session.say(f"{counted(len(new), 'decision')} added")


@decisions.command("remove", epilog="Example: producer decisions remove ~/sorted/Akari/1.png")
def remove_decisions(
    what: Annotated[list[str], typer.Argument(metavar="ID|FILE", help="Ids that `list` shows, or pictures.")],
    output: OutputOfFiles = None,
    store: o.StorePath = None,
) -> None:
    """Make decisions count no more.

    Those with an id, or all about a picture.
    """
    import time

    from model.counted_nouns import counted
    from producer.decision_request import find_output
    from producer.errors import BadRequest
    from producer.session import Session
    from store.decision_log import DecisionLog
    from store.user_decision import DecisionKind, UserDecision
    from workers.picture_digest import picture_digest

    session = Session(store)
    place = find_output(session, output, what)
    counting = _counting(session, str(place))
    ids = {one.id for one in counting}
    removed: list[str] = []
    for one in what:
        if one in ids:
            removed.append(one)
            continue
        try:
            digest = picture_digest(one)
        except OSError as error:
            raise BadRequest(f"{one}: neither the id of a decision nor a picture: {error.strerror or error}") from error
        removed += [decision.id for decision in counting if decision.digest == digest]
    now_s = time.time()
    entries = [UserDecision(DecisionKind.WITHDRAWN, withdraws=one, time_s=now_s) for one in dict.fromkeys(removed)]
    DecisionLog(place).append(entries)
    session.say(f"{counted(len(entries), 'decision')} removed")


def _counting(session: Session, output: str | None) -> list[UserDecision]:
    from producer.decision_request import find_output
    from store.decided import counting
    from store.decision_log import DecisionLog

    return counting(DecisionLog(find_output(session, output, [])).read())


def _fields(one: UserDecision | Event) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(one)
