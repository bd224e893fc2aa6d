"""What a person did in the output, understood as decisions (docs/decisions-by-hand.md).

Moved from A to B: confirmed as B, rejected as A. Taken out: rejected. Put into a folder: confirmed. A folder that no
character has is a new character, or, where the whole of a character's folder went into it, its new name.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from model.dataset.reserved_folders import REVIEW, UNKNOWN, characters_of, names_character
from store.decided import Decided, decided
from store.decision_log import DecisionLog
from store.file_operation import Action, Operation
from store.journal import Journal
from store.journal_listing import HandFile, Missing
from store.location import Location, ObjectPath, storage_of
from store.pass_decisions import ByHand
from store.readable_names import readable_path
from store.run import Run
from store.run_pass import Pass
from store.user_decision import DecisionKind, Origin, UserDecision
from workers.fileops.primitives import digest_or_none
from workers.hand_moves import HandMoves, Moved, find_hand_moves
from workers.naming import folder_names

__all__ = ["note_moves", "understand"]


def understand(journal: Journal, run: Run, pass_: Pass) -> ByHand:
    """Store what a person did in the output since the last pass, as decisions and in the journal; tell what it was.

    The decisions are stored first: a process that dies before the journal has it finds the same again.

    Raises:
        OSError: The output cannot be listed.
        StoreError: Something cannot be stored.
    """
    log = DecisionLog(run.output)
    log.join()
    every, noted = log.read(), log.by_hand(run.id, pass_.number)
    before = decided(every)
    moves = find_hand_moves(journal)
    folders = _Folders(run.output, [*pass_.spec.characters, *before.characters], before)
    folders.learn(moves)
    edited = _edited(journal, before)
    made = _decisions(moves, folders, journal) + [one for decisions, _ in edited for one in decisions]
    earlier = decided([one for one in every if one not in noted])  # all but those of this pass, if it begins again
    if made:
        about = {one.digest for one in made if one.digest}
        noted = [one for one in noted if one.digest not in about] + made
        log.note_by_hand(run.id, pass_.number, noted)
    looked_at = [file for _, file in edited]
    if made or looked_at or moves.moved or moves.taken_out or moves.put or moves.back:
        journal.note_hand(
            run.id,
            _operations(moves.moved),
            [one.target for one in moves.taken_out if one.action is not None],
            moves.put,
            [one.target for one in moves.back] + [one.target for one in _all_gone(moves) if one.action is None],
            looked_at,
        )
    known = {*map(earlier.name, pass_.spec.characters), *earlier.characters}
    return _told(noted, known, moves.not_understood)


def note_moves(journal: Journal, run: Run) -> None:
    """Store in the journal where persons moved what was placed, before it is undone; no decisions.

    Raises:
        OSError: The output cannot be listed.
    """
    moves = find_hand_moves(journal, doubt=False)
    if moves.moved:
        journal.note_hand(run.id, _operations(moves.moved))


def _operations(moved: Iterable[Moved]) -> list[Operation]:
    return [
        Operation(Action.HAND, one.before.image, one.before.target, one.now, one.before.digest)
        for one in moved
        if one.before.action is not None
    ]


def _all_gone(moves: HandMoves) -> list[Missing]:
    return moves.taken_out + [one.before for one in moves.moved]


@dataclass
class _Folders:
    """Which folder of the output is which character's.

    Attributes:
        output: The output.
        names: The characters that have references or confirmed pictures.
        before: What was decided before.
        renamed: New names of characters by the old ones, with the folder.
    """

    output: Location
    names: Sequence[str]
    before: Decided
    renamed: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = {self.before.name(name) for name in self.names}
        known = folder_names(names) | {name: at for name, at in self.before.folders.items() if name in names}
        self._names = {os.fsencode(folder): name for name, folder in known.items()}
        self._known = set(self._names)
        self._top = os.path.join(bytes(self.output), b"")

    def below(self, path: bytes) -> bytes:
        """The folder of a file, below the output."""
        return os.path.dirname(path.removeprefix(self._top))

    def learn(self, moves: HandMoves) -> None:
        """Name the folders that a person made, and find those that a person renamed."""
        for missing in [*_all_gone(moves), *moves.back]:
            self._placed(self.below(missing.target))
        for folder in moves.kept:
            self._placed(folder.removeprefix(self._top))
        targets = [self.below(one.now) for one in moves.moved] + [self.below(one.target) for one in moves.put]
        unknown = sorted(
            {folder for folder in targets if folder and self.character(folder) is None and not _aside(folder)}
        )
        parts = [tuple(map(readable_path, folder.split(b"/"))) for folder in unknown]
        for folder, name in zip(unknown, characters_of(parts) if parts else [], strict=True):
            depth = name.count("/") + 1
            own = b"/".join(folder.split(b"/")[:depth])
            if names_character(name.split("/")[0]):
                self._names.setdefault(own, name)
        self._find_renamed(moves)

    def _placed(self, folder: bytes) -> None:
        """A folder of ours whose character has no references any more has its name all the same."""
        if folder and not _aside(folder):
            self._names.setdefault(folder, readable_path(folder))

    def _own(self, folder: bytes) -> bytes:
        """The folder itself, or the one above that is a character's."""
        parts = folder.split(b"/")
        return next(
            (b"/".join(parts[:n]) for n in range(len(parts), 0, -1) if b"/".join(parts[:n]) in self._names), b""
        )

    def character(self, folder: bytes) -> str | None:
        """The character of a folder below the output; None for `_unknown`, `_review` and what is nobody's."""
        return None if _aside(folder) else self._names.get(self._own(folder))

    def _find_renamed(self, moves: HandMoves) -> None:
        """A character's folder that is gone, and all of whose pictures that are left are in one new folder."""
        went: dict[bytes, set[bytes]] = defaultdict(set)
        for one in moves.moved:
            went[self.below(one.before.target)].add(self.below(one.now))
        for folder, to in went.items():
            old, (new, *others) = self.character(folder), to
            gone = not moves.kept.get(self._top + folder) and not storage_of(self._top).is_folder(self._top + folder)
            if old and not others and gone and new and not _aside(new) and new not in self._known:
                name = self._names.get(new) or readable_path(new)
                if name != old:
                    self.renamed[old] = name, new


def _aside(folder: bytes) -> bool:
    return folder.split(b"/")[0] in (os.fsencode(UNKNOWN), os.fsencode(REVIEW))


def _decisions(moves: HandMoves, folders: _Folders, journal: Journal) -> list[UserDecision]:
    now_s = time.time()
    made: list[UserDecision] = []

    def add(kind: DecisionKind, digest: bytes, name: str | None, path: bytes, folder: bytes = b"") -> None:
        if name:
            text = os.fsdecode(folder)
            one = UserDecision(kind, digest.hex(), name, [], now_s, Origin.HAND, readable_path(path), text)
            made.append(one)

    for before, (after, folder) in folders.renamed.items():
        place = os.fsdecode(folder)
        made.append(UserDecision(DecisionKind.RENAMED, "", before, [], now_s, Origin.HAND, "", place, after))
    for one in moves.moved:
        was, now = folders.below(one.before.target), folders.below(one.now)
        old, new = folders.character(was), folders.character(now)
        if old == new or (old in folders.renamed and folders.renamed[old][0] == new):
            continue
        add(DecisionKind.REJECTED, one.before.digest, old, one.now, now)
        add(DecisionKind.CONFIRMED, one.before.digest, new, one.now, now)
    for missing in moves.taken_out:
        add(DecisionKind.REJECTED, missing.digest, folders.character(folders.below(missing.target)), missing.target)
    for file in moves.put:
        folder = folders.below(file.target)
        add(DecisionKind.CONFIRMED, file.digest, folders.character(folder), file.target, folder)
        for other in _standing(journal, file.digest):  # copied, and left in the folder of another one: it is both
            add(DecisionKind.CONFIRMED, file.digest, folders.character(folders.below(other)), other)
    for missing in moves.back:
        folder = folders.below(missing.target)
        add(DecisionKind.CONFIRMED, missing.digest, folders.character(folder), missing.target, folder)
    return made


def _standing(journal: Journal, digest: bytes) -> list[bytes]:
    """Where a picture with these bytes was placed and still is."""
    return [path for path in journal.placed_with(digest) if journal.listed(path)]


def _edited(journal: Journal, before: Decided) -> list[tuple[list[UserDecision], HandFile]]:
    """Decided pictures that were saved with other bytes where they stand: what was decided counts for these too."""
    now_s = time.time()
    found: list[tuple[list[UserDecision], HandFile]] = []
    for digest, picture in before.pictures.items():
        for path in journal.placed_with(bytes.fromhex(digest)):
            file = _looked_at(journal, path)
            if file is None:
                continue
            new = file.digest.hex()
            decisions: list[UserDecision] = []
            if new != digest and new not in before.pictures:
                one = UserDecision(DecisionKind.IGNORED, new, "", [], now_s, Origin.EDITED, readable_path(path))
                if picture.ignored:
                    decisions.append(one)
                for kind, names in (
                    (DecisionKind.CONFIRMED, picture.confirmed),
                    (DecisionKind.REJECTED, picture.rejected),
                ):
                    decisions += [replace(one, kind=kind, character=name, id=os.urandom(8).hex()) for name in names]
            found.append((decisions, file))
    return found


def _looked_at(journal: Journal, path: bytes) -> HandFile | None:
    """A placed file with its digest; None where it has not changed since it was looked at, and for objects."""
    if path.startswith(b"s3://"):
        object_ = ObjectPath(path).stat()
        if object_ is None or object_.digest:
            return None  # our own copies say which bytes they have
    try:
        status = os.stat(path) if not path.startswith(b"s3://") else None
    except OSError:
        return None
    size, mtime_ns = (0, 0) if status is None else (status.st_size, status.st_mtime_ns)
    known = journal.hand_file(path)
    if status is not None and known is not None and (known.size, known.mtime_ns) == (size, mtime_ns):
        return None
    digest = digest_or_none(os.path.realpath(path) if status is not None else path)
    return None if digest is None else HandFile(path, size, mtime_ns, digest)


def _told(noted: Sequence[UserDecision], known: set[str], not_understood: str) -> ByHand:
    """What the decisions of a pass come to, in numbers."""
    by_hand = [one for one in noted if one.origin is Origin.HAND]
    confirmed = {one.digest for one in by_hand if one.kind is DecisionKind.CONFIRMED}
    rejected = [one for one in by_hand if one.kind is DecisionKind.REJECTED]
    moved_away = {one.digest for one in rejected if one.folder}
    taken_out = {one.digest for one in rejected} - moved_away - confirmed
    renamed = {one.character: one.name for one in by_hand if one.kind is DecisionKind.RENAMED}
    characters = {one.character for one in by_hand if one.kind is DecisionKind.CONFIRMED}
    return ByHand(
        moved=len(confirmed | moved_away),
        taken_out=len(taken_out),
        edited=len({one.digest for one in noted if one.origin is Origin.EDITED}),
        confirmed=len(confirmed),
        rejected=len({one.digest for one in rejected}),
        characters=sorted(characters - known - set(renamed.values())),
        renamed=renamed,
        not_understood=not_understood,
    )
