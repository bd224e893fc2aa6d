"""Plan the placing of images in the folders of their characters; `workers.fileops.batch` does what is planned."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from store.file_operation import Action, Image, Operation, Placement
from store.journal import Journal
from store.location import Location, storage_of
from store.mode import Mode
from workers.fileops.batch import Applied, apply
from workers.fileops.primitives import digest_or_none
from workers.naming import file_name, numbered
from workers.output import open_output

__all__ = ["Placer", "Tally", "Wanted"]

_TRIES = 5
"""How often a file gets another name when others keep appearing at its target."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image and the folders in which it belongs.

    Attributes:
        image: The image.
        folders: Names of folders below the output; none for a duplicate of a file that is placed itself.
        digest: sha256 of its bytes.
        keep: Place a copy even by `move`: the original is a link, or lies inside an archive file.
        by_person: A person has confirmed its character, so it is placed again also if one had taken it out before.
    """

    image: Image
    folders: tuple[str, ...]
    digest: bytes
    keep: bool = False
    by_person: bool = False


@dataclass
class Tally:
    """What was placed, in files.

    Attributes:
        done: By action.
        copied_instead: Hard links that had to become copies.
        already: Files that were already in place.
        left_alone: Files that a person had moved or deleted from the output; they are not placed again.
        renamed: Images that stand in the output already, placed under another name of the original.
        problems: What could not be done, one line each.
    """

    done: Counter[str] = field(default_factory=Counter)
    copied_instead: int = 0
    already: int = 0
    left_alone: int = 0
    renamed: int = 0
    problems: list[str] = field(default_factory=list)

    def add_earlier(self, done: Sequence[tuple[Action, bool, int]], mode: Mode) -> None:
        """Add what killed processes had done in the same pass: this one has found it in place."""
        for action, member, count in done:
            if action is not Action.FOLDER:
                self.done[action.value] += count
                self.copied_instead += count if (mode, action, member) == (Mode.HARDLINK, Action.COPY, False) else 0
                self.already -= 0 if action is Action.REMOVE else count
        self.already = max(0, self.already)  # a person may have removed what had been placed


class Placer:
    """Places the images of one pass. Memory grows with the number of equal file names only."""

    def __init__(self, journal: Journal, output: Location, run_id: str, mode: Mode) -> None:
        self.tally = Tally()
        self._journal = journal
        self._output = open_output(journal)
        self._top = bytes(output)
        self._run = run_id
        self._mode = Action(mode)
        self._next_number: dict[bytes, int] = {}
        self._archive = os.path.join(journal.archive_of(run_id) or b"/", b"")
        self._anything_before = journal.anything_placed
        self._any_put = journal.any_hand_file()

    def place(self, batch: list[Wanted]) -> list[list[bytes]]:
        """Bring the images of a batch to their folders, and say for each where it stands now (absolute paths).

        Images that stand there already are left alone, also where their originals have other names now. One that a
        person has moved out of its folder, or deleted there, is not placed again.
        """
        placements = self._placements(batch)
        if adopted := self._adopted(batch, placements):
            self.tally.renamed += len({op.image for op in adopted if op.source != op.image.path})
            self.tally.problems += apply(self._journal, self._output, self._run, adopted).problems
            placements = self._placements(batch)
        stands: dict[Image, list[bytes]] = {}
        claimed: set[bytes] = set()
        todo: list[Operation] = []
        self._output.expect(self._plain(wanted, folder) for wanted in batch for folder in wanted.folders)
        for wanted in batch:
            operations, stands[wanted.image] = self._plan_image(wanted, placements[wanted.image], claimed)
            todo += operations
        todo = self._with_folders(_folder_by_folder(todo))
        for _ in range(_TRIES):
            applied = apply(self._journal, self._output, self._run, todo)
            self._count(applied, stands)
            todo = self._with_other_names(applied.taken, claimed)
        for op in todo:
            original = os.fsdecode(op.image.path)
            self.tally.problems.append(f"{original}: others take every name it is given; it stays where it is")
        return [stands[wanted.image] for wanted in batch]

    def remove_emptied(self, number: int) -> None:
        """Remove the folders of ours that a pass has left empty, as of a character that has no reference any more.

        That needs no line in the journal: the removal of what was in them is in it, and its undo makes them again.
        """
        self._output.remove_empty(reversed(self._journal.left_in_pass(self._run, number)))  # inner folders first

    def _placements(self, batch: list[Wanted]) -> dict[Image, list[Placement]]:
        """The placements that show each image."""
        return {
            wanted.image: [found for found in self._journal.placements(wanted.image) if self._shows(found, wanted)]
            for wanted in batch
        }

    def _adopted(self, batch: list[Wanted], placements: dict[Image, list[Placement]]) -> list[Operation]:
        """What images adopt: what was placed of the same bytes under another name, else links that show them now."""
        adopted: dict[bytes, Operation] = {}

        def adopt(wanted: Wanted, image: Image, at: Placement) -> None:
            op = Operation(Action.ADOPT, wanted.image, image.path, at.target, wanted.digest, at.action)
            adopted.setdefault(at.target, op)

        unsure = [
            wanted
            for wanted in (batch if self._anything_before else ())
            if all(at.digest != wanted.digest for at in placements[wanted.image])
        ]
        for wanted in unsure:
            for image, at in self._journal.placed_as(wanted.digest) if wanted.folders else ():
                if image != wanted.image and self._is_free(image, at):
                    adopt(wanted, image, at)
        having = {op.image for op in adopted.values()}
        for wanted in unsure:
            for at in placements[wanted.image] if wanted.image not in having else ():
                adopt(wanted, wanted.image, at)
        return list(adopted.values())

    def _is_free(self, image: Image, placement: Placement) -> bool:
        """Whether a placement no longer belongs to its own original.

        Of images of this archive with the same bytes only the first is placed; a copy is as good for that one. A hard
        link stays with its original, a symbolic link as long as that has these bytes.
        """
        if not storage_of(image.path).exists(image.path):
            return True
        if not image.path.startswith(self._archive):
            return False
        if placement.action is Action.SYMLINK:
            return digest_or_none(os.path.realpath(image.path)) not in (placement.digest, None)
        link = Operation(placement.action, image, image.path, placement.target, placement.digest)
        return placement.action is not Action.HARDLINK or not self._output.stands_already(link)

    def _plan_image(
        self, wanted: Wanted, placements: list[Placement], claimed: set[bytes]
    ) -> tuple[list[Operation], list[bytes]]:
        """The operations for one image, and where it stands already."""
        present = [placement for placement in placements if self._output.exists(placement.target)]
        missing = [placement.target for placement in placements if placement not in present]
        if missing and wanted.by_person and self._journal.all_taken(missing):
            placements, missing = present, []
        if missing:
            self.tally.left_alone += 1
            return [], [placement.target for placement in present]
        folders = [self._folder(name) for name in wanted.folders]
        put = self._put_by_person(wanted.digest, folders) if self._any_put else []
        folders = [folder for folder in folders if folder not in set(map(os.path.dirname, put))]
        # Else they are links that show this image, but were placed for another one that had its name.
        own = [p for p in placements if p.digest == wanted.digest] or placements
        right = {os.path.dirname(p.target): p.target for p in own if os.path.dirname(p.target) in folders}
        wrong = [p for p in placements if p not in own or os.path.dirname(p.target) not in folders]
        self.tally.already += len(right)
        standing = list(right.values())
        operations: list[Operation] = []
        for folder in folders:
            if folder in right:
                continue
            if wrong:
                operations.append(self._rename(wanted, wrong.pop(0), folder, claimed))
            else:
                made_from = standing[0] if standing else operations[0].target if operations else None
                self._create(wanted, folder, made_from, claimed, operations, standing)
        others = standing + [op.target for op in operations]
        kept = [old.target for old in wrong if old.action is Action.MOVE and not others]
        moved = any(placement.action is Action.MOVE for placement in placements)
        spare = [old for old in wrong if old.target not in kept]
        operations += [self._removal(wanted, old, others + kept, moved) for old in spare]
        return operations, standing + kept + put

    def _put_by_person(self, digest: bytes, folders: list[bytes]) -> list[bytes]:
        """Files of a person with these bytes that stand in some folders already."""
        files = self._journal.hand_files_with(digest)
        return [path for path in files if os.path.dirname(path) in folders and self._output.exists(path)]

    def _shows(self, placement: Placement, wanted: Wanted) -> bool:
        """Whether a placement shows this image, not an earlier picture with the same path."""
        if placement.digest == wanted.digest:
            return True
        # A link shows what the original has become.
        link = Operation(placement.action, wanted.image, wanted.image.path, placement.target)
        return placement.action in (Action.HARDLINK, Action.SYMLINK) and self._output.stands_already(link)

    def _folder(self, name: str) -> bytes:
        return os.path.join(self._top, os.fsencode(name))

    def _plain(self, wanted: Wanted, folder: str) -> bytes:
        """Where an image stands if its name is free."""
        return os.path.join(self._folder(folder), file_name(wanted.image.member or wanted.image.path))

    def _rename(self, wanted: Wanted, old: Placement, folder: bytes, claimed: set[bytes]) -> Operation:
        """Move an image from a folder where it no longer belongs to one where it does."""
        name = file_name(wanted.image.member or wanted.image.path)
        return Operation(Action.RENAME, wanted.image, old.target, self._free_name(folder, name, claimed), wanted.digest)

    def _create(
        self,
        wanted: Wanted,
        folder: bytes,
        made_from: bytes | None,
        claimed: set[bytes],
        operations: list[Operation],
        standing: list[bytes],
    ) -> None:
        """Plan the operation that places an image in a folder, unless exactly that stands there already."""
        action, source = self._mode, wanted.image.path
        if wanted.image.member or (action is Action.MOVE and wanted.keep):
            action = Action.COPY
        elif action is Action.MOVE and made_from is not None:
            # Moved to its first folder, it stands under the further ones as a link.
            action, source = Action.HARDLINK, made_from
        name = file_name(wanted.image.member or wanted.image.path)
        plain = Operation(action, wanted.image, source, os.path.join(folder, name), wanted.digest)
        if action is not Action.MOVE and plain.target not in claimed and self._output.stands_already(plain):
            claimed.add(plain.target)
            self.tally.already += 1
            standing.append(plain.target)
        else:
            operations.append(replace(plain, target=self._free_name(folder, name, claimed)))

    def _removal(self, wanted: Wanted, old: Placement, others: list[bytes], moved: bool) -> Operation:
        """Remove a file that no longer belongs in its folder; undo makes it from the original or another placement."""
        source = wanted.image.path
        if old.action is not Action.SYMLINK and others and (moved or not storage_of(source).exists(source)):
            source = others[0]
        return Operation(Action.REMOVE, wanted.image, source, old.target, old.digest, placed=old.action)

    def _free_name(self, folder: bytes, name: bytes, claimed: set[bytes]) -> bytes:
        """The first of `name`, `name (2)`, … that nothing bears, on disk or in this batch."""
        plain = os.path.join(folder, name)
        n = self._next_number.get(plain, 1)
        while (target := os.path.join(folder, numbered(name, n))) in claimed or self._output.exists(target):
            n += 1
        if n > 1:
            self._next_number[plain] = n + 1
        claimed.add(target)
        return target

    def _with_folders(self, todo: list[Operation]) -> list[Operation]:
        """Put the making of missing folders first; drop what would go into something that is no folder of ours."""
        if not self._output.has_folders:
            return todo
        making: list[Operation] = []
        blocked: set[bytes] = set()
        targets = {os.path.dirname(op.target) for op in todo}
        for folder in sorted({folder for target in targets for folder in _folders_to(target, self._top)}):
            if os.path.dirname(folder) in blocked:
                blocked.add(folder)
            elif not os.path.lexists(folder):
                making.append(Operation(Action.FOLDER, Image(b""), b"", folder))
            elif not stat.S_ISDIR(os.lstat(folder).st_mode):
                # A symbolic link too: it could lead anywhere.
                blocked.add(folder)
                self.tally.problems.append(f"{os.fsdecode(folder)} is not a folder; nothing can be placed in it")
        return making + [op for op in todo if os.path.dirname(op.target) not in blocked]

    def _with_other_names(self, taken: list[Operation], claimed: set[bytes]) -> list[Operation]:
        """Other names for files whose names were taken at the last moment, and for what is made from them."""
        new_names: dict[bytes, bytes] = {}
        renamed: list[Operation] = []
        for op in taken:
            if op.source in new_names:
                renamed.append(replace(op, source=new_names[op.source]))
            else:
                name = file_name(op.image.member or op.image.path)
                new_names[op.target] = self._free_name(os.path.dirname(op.target), name, claimed)
                renamed.append(replace(op, target=new_names[op.target]))
        return renamed

    def _count(self, applied: Applied, stands: dict[Image, list[bytes]]) -> None:
        """Add what was done to the tally, and to the places where images stand."""
        self.tally.problems += applied.problems
        for op, result in applied.done:
            if op.action is Action.FOLDER:
                continue
            self.tally.done[result.action.value] += 1
            self.tally.copied_instead += op.action is Action.HARDLINK and result.action is Action.COPY
            if op.action is not Action.REMOVE:
                stands[op.image].append(op.target)


def _folder_by_folder(todo: list[Operation]) -> list[Operation]:
    """Order operations by folder, so that each is opened once; those for one image stay together, in their order."""
    first: dict[Image, bytes] = {}
    for op in todo:
        first.setdefault(op.image, os.path.dirname(op.target))
    return sorted(todo, key=lambda op: first[op.image])


def _folders_to(folder: bytes, top: bytes) -> list[bytes]:
    """The folders from the output down to one in it, itself the last: those of `Series/Character` are two."""
    if not folder.startswith(os.path.join(top, b"")):
        return [folder]
    parts = folder[len(os.path.join(top, b"")) :].split(b"/")
    return [os.path.join(top, *parts[:n]) for n in range(1, len(parts) + 1)]
