"""The history of one picture: what runs did with it in an output, what persons did there, and what was decided."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from store.decision_log import DecisionLog
from store.file_operation import Action, Image, Operation
from store.journal import Journal, journal_exists
from store.location import Location, location
from store.readable_names import readable_name, readable_path
from store.roots import ANYWHERE, Roots
from store.user_decision import UserDecision
from workers.picture_digest import picture_digest

__all__ = ["Event", "picture_history"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to a picture.

    Attributes:
        when: Local time, `2026-11-23 04:12`; of what a run did, when it began.
        by: The run, or `you`.
        what: In words.
        digest: Hexadecimal sha256 of the picture's bytes then.
    """

    when: str
    by: str
    what: str
    digest: str


def picture_history(output: Location, file: str, roots: Roots = ANYWHERE) -> list[Event]:
    """What happened to a picture of the archive or of the output, in order; nothing for one that nobody knows.

    Raises:
        JournalBusy: A pass places files in the output.
        StoreError: Journal or decisions cannot be read.
    """
    path = bytes(location(file))
    book, mark, member = file.rpartition("!/")
    image = Image(bytes(location(book)), os.fsencode(member)) if mark else Image(path)
    events: list[Event] = []
    digests: set[str] = set()
    if journal_exists(output):
        with Journal(output, roots) as journal:
            found = journal.history(image, b"") or journal.history(None, path)
        top = os.path.join(bytes(output), b"")
        events = [Event(_begun(run), run, _told(op, top), op.digest.hex()) for _, run, op in found]
        digests = {event.digest for event in events}
    try:
        digests.add(picture_digest(file))
    except OSError:
        pass  # it is somewhere else now, or gone
    decisions = [one for one in DecisionLog(output).read() if one.digest in digests]
    return sorted(events + [_decided(one) for one in decisions], key=lambda event: event.when)


def _begun(run: str) -> str:
    """When a run began, by its id."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.strptime(run[:13], "%Y%m%d-%H%M"))
    except ValueError:
        return ""


def _told(op: Operation, top: bytes) -> str:
    target, source = readable_path(op.target.removeprefix(top)), readable_path(op.source.removeprefix(top))
    if op.action is Action.HAND:
        return f"found moved by hand from {source} to {target}"
    if op.action is Action.RENAME:
        return f"moved from {source} to {target}"
    if op.action is Action.REMOVE:
        return f"removed from {target}"
    return f"placed as {target} ({op.action.value}) from {readable_name(op.image.path, op.image.member)}"


def _decided(one: UserDecision) -> Event:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.time_s))
    return Event(when, "you", f"{one.kind.value} {one.character} ({one.origin.value})".replace("  ", " "), one.digest)
