"""What a command decides: of which output, about which pictures, as which character."""

from __future__ import annotations

import os
import time
from pathlib import Path

from model.dataset.reserved_folders import names_character
from producer.errors import BadRequest
from producer.session import Session
from store.decision_log import DecisionLog
from store.errors import RunNotFound
from store.journal_database import JOURNAL_FOLDER
from store.location import Location, location
from store.readable_names import readable_path
from store.user_decision import DecisionKind, Origin, UserDecision
from workers.picture_digest import picture_digest

__all__ = ["decide", "find_output", "output_above", "parse_head"]


def find_output(session: Session, output: str | None, files: list[str]) -> Location:
    """The output whose decisions are meant: the one given, else that of the first file, else that of the newest run.

    Raises:
        BadRequest: There is none.
    """
    if output is not None:
        if not location(output).exists():
            raise BadRequest(f"no output at {output}")
        return location(output)
    for file in files[:1]:
        if (found := output_above(file)) is not None:
            return found
    try:
        return session.newest_not_undone().output
    except RunNotFound as error:
        raise BadRequest("no run tells which output is meant; say --output") from error


def output_above(file: str) -> Path | None:
    """The output folder that holds a file of this machine, by its journal or its decisions; None for any other file."""
    if file.startswith("s3://"):
        return None
    return next((folder for folder in Path(file).absolute().parents if (folder / JOURNAL_FOLDER).is_dir()), None)


def parse_head(text: str | None) -> list[float]:
    """`0.1,0.2,0.3,0.4` as numbers; none for None.

    Raises:
        BadRequest: These are not left, top, right and bottom as fractions.
    """
    if text is None:
        return []
    try:
        head = [float(part) for part in text.split(",")]
    except ValueError:
        head = []
    if len(head) != 4 or not all(0 <= value <= 1 for value in head) or head[0] >= head[2] or head[1] >= head[3]:
        raise BadRequest(f"--head {text!r}: left, top, right and bottom as fractions of the picture: 0.1,0.1,0.4,0.5")
    return head


def decide(
    output: Location, kind: DecisionKind, files: list[str], character: str | None, head: list[float]
) -> list[UserDecision]:
    """Store one decision about each file, all or none, and return them.

    Raises:
        BadRequest: A file cannot be read, or nothing tells the character.
        StoreError: They cannot be written.
    """
    now_s = time.time()
    decisions = []
    for file in files:
        try:
            digest = picture_digest(file)
        except OSError as error:
            raise BadRequest(f"{file}: {error.strerror or error}") from error
        name = "" if kind is DecisionKind.IGNORED else character or _folder_name(file, output)
        try:
            one = UserDecision(kind, digest, name, head, now_s, Origin.COMMAND, str(location(file)))
        except ValueError as error:
            raise BadRequest(f"--character {character!r}: {error}") from error
        decisions.append(one)
    DecisionLog(output).append(decisions)
    return decisions


def _folder_name(file: str, output: Location) -> str:
    """The character in whose folder of the output a file is."""
    folder = os.path.relpath(os.path.dirname(os.path.abspath(file)), str(output))
    if folder.startswith((os.curdir, os.pardir)) or not names_character(folder.split(os.sep)[0]):
        raise BadRequest(f"{file} is in no character's folder of {output}; say --character")
    return readable_path(os.fsencode(folder))
