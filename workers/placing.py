"""Place images in the folders of their characters, a batch at a time, through the journal.

The journal is written and on disk before the first operation of a batch, and settled after the last; whatever dies in
between is finished by the next process that opens the journal (`recover`).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path

from store.file_operation import Action, Image, Operation, Placement
from store.files import TEMPORARY_PREFIX
from store.journal import Journal
from store.run import Mode
from workers.fileops.files import stands_already
from workers.fileops.operation import OperationFailed, TargetExists
from workers.fileops.staging import clear_staged
from workers.naming import file_name, numbered
from workers.output import open_output
from workers.publish_report import restore_reports
from workers.safe_open import original_exists

__all__ = ["Placer", "Tally", "Wanted", "recover"]

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
    """

    image: Image
    folders: tuple[str, ...]
    digest: bytes
    keep: bool = False


@dataclass
class Tally:
    """What the placing did, in files.

    Attributes:
        done: By action.
        copied_instead: Hard links that had to become copies.
        already: Files that stood where they belong.
        left_alone: Files that a person had moved or deleted from the output; that decision stays.
        problems: What could not be done, one line each.
    """

    done: Counter[str] = field(default_factory=Counter)
    copied_instead: int = 0
    already: int = 0
    left_alone: int = 0
    problems: list[str] = field(default_factory=list)

    def add_earlier(self, done: Sequence[tuple[Action, bool, int]], mode: Mode) -> None:
        """Add what processes had done that died in the same pass: this one has found it in place."""
        for action, member, count in done:
            if action is not Action.FOLDER:
                self.done[action.value] += count
                self.copied_instead += count if (mode, action, member) == ("hardlink", Action.COPY, False) else 0
                self.already -= 0 if action is Action.REMOVE else count
        self.already = max(0, self.already)  # a person may have taken away what had been placed


def recover(journal: Journal) -> int:
    """Finish what a process that died had planned; return how many operations that were.

    Its unfinished reports go as well: nobody else writes in this output folder while the journal is held.
    """
    restore_reports(journal)
    for folder in (journal.folder.parent, journal.folder / "reports"):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*.part"):
            path.unlink()
    if isinstance(journal.folder, Path):
        clear_staged(journal.folder)
    planned = journal.open_operations()
    with open_output(journal) as output:
        finished = [output.recover(op) for op in planned]
    journal.settle(
        [op for op in finished if op is not None],
        [op for op, end in zip(planned, finished, strict=True) if end is None],
    )
    return len(planned)


@dataclass(frozen=True, slots=True)
class _Todo:
    """An operation, and the index of its image in the batch (None for a folder)."""

    image: int | None
    op: Operation


class Placer:
    """Places the images of one pass. Memory grows with the number of equal file names only."""

    def __init__(self, journal: Journal, output: Path, run_id: str, mode: Mode) -> None:
        self.tally = Tally()
        self._journal = journal
        self._output = open_output(journal)
        self._top = bytes(output)
        self._run = run_id
        self._mode = Action(mode)
        self._next_number: dict[bytes, int] = {}

    def place(self, batch: list[Wanted]) -> list[list[bytes]]:
        """Bring the images of a batch to their folders, and say for each where it stands now (absolute paths).

        Images that stand there already are left alone. One that a person has moved out of its folder, or deleted
        there, is not placed again.
        """
        stands: list[list[bytes]] = [[] for _ in batch]
        claimed: set[bytes] = set()
        todo: list[_Todo] = []
        self._output.expect(self._plain(wanted, folder) for wanted in batch for folder in wanted.folders)
        for index, wanted in enumerate(batch):
            operations, stands[index] = self._plan_image(wanted, claimed)
            todo += [_Todo(index, op) for op in operations]
        todo = self._with_folders(_folder_by_folder(todo))
        for _ in range(_TRIES):
            todo = self._renamed(self._carry_out(todo, stands), claimed)
            if not todo:
                return stands
        for item in todo:
            original = os.fsdecode(item.op.image.path)
            self.tally.problems.append(f"{original}: others take every name it is given; it stays where it is")
        return stands

    def take_away_emptied(self, number: int) -> None:
        """Take away the folders of ours that a pass has left empty, as of a character that has no reference any more.

        That needs no line in the journal: what was taken out of them is in it, and whoever puts that back makes them
        again.
        """
        if not self._output.has_folders:
            return
        for folder in reversed(self._journal.left_in_pass(self._run, number)):  # what lies in another first
            with contextlib.suppress(OSError):  # something stands in it, or it is gone
                os.rmdir(folder)

    def _plan_image(self, wanted: Wanted, claimed: set[bytes]) -> tuple[list[Operation], list[bytes]]:
        """What has to be done for one image, and where it stands already."""
        placements = [found for found in self._journal.placements(wanted.image) if _shows(found, wanted)]
        present = [placement for placement in placements if self._output.exists(placement.target)]
        if len(present) < len(placements):
            self.tally.left_alone += 1
            return [], [placement.target for placement in present]
        folders = [self._folder(name) for name in wanted.folders]
        right = {os.path.dirname(p.target): p.target for p in placements if os.path.dirname(p.target) in folders}
        wrong = [p for p in placements if os.path.dirname(p.target) not in folders]
        self.tally.already += len(right)
        standing = list(right.values())
        operations: list[Operation] = []
        for folder in folders:
            if folder in right:
                continue
            if wrong:
                operations.append(self._moving_on(wanted, wrong.pop(0), folder, claimed))
            else:
                made_from = standing[0] if standing else operations[0].target if operations else None
                self._create(wanted, folder, made_from, claimed, operations, standing)
        others = standing + [op.target for op in operations]
        kept = [old.target for old in wrong if old.action is Action.MOVE and not others]
        moved = any(placement.action is Action.MOVE for placement in placements)
        spare = [old for old in wrong if old.target not in kept]
        operations += [self._removal(wanted, old, others + kept, moved) for old in spare]
        return operations, standing + kept

    def _folder(self, name: str) -> bytes:
        return os.path.join(self._top, os.fsencode(name))

    def _plain(self, wanted: Wanted, folder: str) -> bytes:
        """Where an image would stand if its name is free."""
        return os.path.join(self._folder(folder), file_name(wanted.image.member or wanted.image.path))

    def _moving_on(self, wanted: Wanted, old: Placement, folder: bytes, claimed: set[bytes]) -> Operation:
        """An image that stands in a folder where it no longer belongs goes to one where it does."""
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
        """What no longer belongs in a folder goes; it can be made again from the original, or from another place."""
        source = wanted.image.path
        if old.action is not Action.SYMLINK and others and (moved or not original_exists(source)):
            source = others[0]
        return Operation(Action.REMOVE, wanted.image, source, old.target, wanted.digest, placed=old.action)

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

    def _with_folders(self, todo: list[_Todo]) -> list[_Todo]:
        """Put the making of missing folders first; drop what would go into something that is no folder of ours."""
        if not self._output.has_folders:
            return todo
        making: list[_Todo] = []
        blocked: set[bytes] = set()
        targets = {os.path.dirname(item.op.target) for item in todo}
        for folder in sorted({folder for target in targets for folder in _folders_to(target, self._top)}):
            if os.path.dirname(folder) in blocked:
                blocked.add(folder)
            elif not os.path.lexists(folder):
                making.append(_Todo(None, Operation(Action.FOLDER, Image(b""), b"", folder)))
            elif not stat.S_ISDIR(os.lstat(folder).st_mode):
                # A symbolic link too: it could lead anywhere.
                blocked.add(folder)
                self.tally.problems.append(f"{os.fsdecode(folder)} is not a folder; nothing can be placed in it")
        return making + [item for item in todo if os.path.dirname(item.op.target) not in blocked]

    def _renamed(self, taken: Sequence[_Todo], claimed: set[bytes]) -> list[_Todo]:
        """Other names for files whose names were taken at the last moment, and for what is made from them."""
        new_names: dict[bytes, bytes] = {}
        renamed: list[_Todo] = []
        for item in taken:
            op = item.op
            if op.source in new_names:
                op = replace(op, source=new_names[op.source])
            else:
                name = file_name(op.image.member or op.image.path)
                new_names[op.target] = self._free_name(os.path.dirname(op.target), name, claimed)
                op = replace(op, target=new_names[op.target])
            renamed.append(replace(item, op=op))
        return renamed

    def _carry_out(self, todo: list[_Todo], stands: list[list[bytes]]) -> list[_Todo]:
        """Journal, do, make durable, settle; return what found its name taken."""
        if not todo:
            return []
        planned = self._journal.plan(self._run, [item.op for item in todo], _times_before(todo))
        done: list[Operation] = []
        self._output.prepare(planned)
        dropped: list[Operation] = []
        taken: list[_Todo] = []
        names: set[bytes] = set()  # taken by others; nothing may be made from what stands there
        missing: set[bytes] = set()  # folders that could not be made

        def try_all(of_one_image: list[tuple[_Todo, Operation]]) -> list[tuple[_Todo, Operation, Operation | None]]:
            return [(item, op, self._try(op, names, missing)) for item, op in of_one_image]

        images = groupby(zip(todo, planned, strict=True), key=lambda pair: pair[0].image)
        for item, op, result in chain.from_iterable(self._output.map(try_all, [list(ops) for _, ops in images])):
            if result is None:
                dropped.append(op)
                if names & {op.source, op.target}:
                    taken.append(item)
            else:
                done.append(result)
                self._count(op, result)
                if item.image is not None and op.action is not Action.REMOVE:
                    stands[item.image].append(op.target)
        self._output.release()
        self._output.sync({os.path.dirname(op.target) for op in done})
        self._journal.settle(done, dropped)
        return taken

    def _try(self, op: Operation, names: set[bytes], missing: set[bytes]) -> Operation | None:
        """Do one operation; None when it cannot be done, then with its target in `names` or `missing`, or reported."""
        if op.source in names or os.path.dirname(op.target) in missing:
            if op.action is Action.FOLDER:
                missing.add(op.target)
            return None
        try:
            return self._output.apply(op)
        except (TargetExists, OperationFailed) as error:
            if isinstance(error, TargetExists) and op.action is not Action.FOLDER:
                names.add(op.target)
                return None
            if op.action is Action.FOLDER:
                missing.add(op.target)
            self.tally.problems.append(str(error))
            return None

    def _count(self, op: Operation, result: Operation) -> None:
        if result.action is not Action.FOLDER:
            self.tally.done[result.action.value] += 1
            self.tally.copied_instead += op.action is Action.HARDLINK and result.action is Action.COPY


def _folder_by_folder(todo: list[_Todo]) -> list[_Todo]:
    """In an order in which a folder is opened once; what is done for one image stays together, and in its order."""
    first: dict[int | None, bytes] = {}
    for item in todo:
        first.setdefault(item.image, item.op.target)
    return sorted(todo, key=lambda item: (os.path.dirname(first[item.image]), item.image or 0))


def _folders_to(folder: bytes, top: bytes) -> list[bytes]:
    """The folders to go through from the output to one in it, itself the last: those of `Series/Character` are two."""
    if not folder.startswith(os.path.join(top, b"")):
        return [folder]
    parts = folder[len(os.path.join(top, b"")) :].split(b"/")
    return [os.path.join(top, *parts[:n]) for n in range(1, len(parts) + 1)]


def _shows(placement: Placement, wanted: Wanted) -> bool:
    """Whether a placement is one of this image, and not of an earlier picture of the same name."""
    if placement.digest == wanted.digest:
        return True
    # A link shows what the original has become.
    link = Operation(placement.action, wanted.image, wanted.image.path, placement.target)
    return placement.action in (Action.HARDLINK, Action.SYMLINK) and stands_already(link)


def _times_before(todo: list[_Todo]) -> list[tuple[bytes, int]]:
    """The times of the folders that moves will change, for undo to give back."""
    folders = {os.path.dirname(item.op.source) for item in todo if item.op.action is Action.MOVE}
    return [(folder, os.stat(folder).st_mtime_ns) for folder in sorted(folders) if os.path.isdir(folder)]
