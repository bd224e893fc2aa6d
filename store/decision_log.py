"""The decisions of a person about the pictures of an output; they are in the output, and outlive every store.

OUT/.oshiwake/decisions/<nanoseconds>-<random>.jsonl   of one command
                       /hand-<run>-pass<n>.jsonl       what one pass understood from the output; its undo deletes it

Each command writes one new file, whole or not at all, so no lock is needed: any number of commands may decide while a
pass runs. The order of decisions is that of their times; of two about one thing the later counts. A decision may be in
two files when a process died while it joined them: its id tells.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from store.errors import StoreError
from store.files import names_in, new_file
from store.journal_database import JOURNAL_FOLDER
from store.location import Location, storage_of
from store.user_decision import UserDecision, read_lines, to_lines

__all__ = ["DecisionLog"]

_MANY_FILES = 256
"""From so many on, those of commands are joined."""

_HAND = "hand-"
_SUFFIX = ".jsonl"


class DecisionLog:
    """The decisions of one output.

    Attributes:
        folder: Where they are.
    """

    def __init__(self, output: Location) -> None:
        self.folder = output / JOURNAL_FOLDER / "decisions"

    def read(self) -> list[UserDecision]:
        """Every decision once, the oldest first, those that were withdrawn too.

        Raises:
            DamagedStore: A file cannot be read as decisions.
            NewerSchema: A newer program wrote one.
        """
        while True:
            try:
                found = [decision for name in self._names() for decision in self._read(name)]
            except FileNotFoundError:
                continue  # another process has joined it with others meanwhile
            return sorted({decision.id: decision for decision in found}.values(), key=lambda one: one.time_s)

    def append(self, decisions: Sequence[UserDecision]) -> None:
        """Store decisions durably, all or none.

        Raises:
            StoreError: They cannot be written.
        """
        if decisions:
            self._write(f"{time.time_ns():020d}-{secrets.token_hex(4)}{_SUFFIX}", decisions, replace=False)

    def by_hand(self, run: str, number: int) -> list[UserDecision]:
        """What a pass has understood from the output so far."""
        name = self._hand(run, number)
        return self._read(name) if name in self._names() else []

    def note_by_hand(self, run: str, number: int, decisions: Sequence[UserDecision]) -> None:
        """Store what a pass has understood, in place of what it had understood before."""
        self._write(self._hand(run, number), decisions, replace=True)

    def forget_by_hand(self, run: str) -> int:
        """Delete what a run understood, as its undo does; return how many decisions these were."""
        storage_of(self.folder).clean_up(self.folder)
        names = [name for name in self._names() if name.startswith(f"{_HAND}{run}-pass")]
        count = sum(len(self._read(name)) for name in names)
        for name in names:
            (self.folder / name).unlink()
        return count

    def join(self) -> None:
        """Join the files of many commands, and remove unfinished ones of commands that died.

        Only one process at a time may do this, such as the journal's holder.
        """
        storage_of(self.folder).clean_up(self.folder)
        names = [name for name in self._names() if not name.startswith(_HAND)]
        if len(names) >= _MANY_FILES:
            self._write(names[-1].replace(_SUFFIX, f"-joined{_SUFFIX}"), [d for n in names for d in self._read(n)])
            for name in names:
                (self.folder / name).unlink(missing_ok=True)

    def _hand(self, run: str, number: int) -> str:
        return f"{_HAND}{run}-pass{number}{_SUFFIX}"

    def _names(self) -> list[str]:
        return sorted(name for name in names_in(self.folder) if name.endswith(_SUFFIX) and not name.startswith("."))

    def _read(self, name: str) -> list[UserDecision]:
        path = self.folder / name
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: {error}") from error
        return list(read_lines(text.splitlines(), path))

    def _write(self, name: str, decisions: Sequence[UserDecision], *, replace: bool = True) -> None:
        try:
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with new_file(self.folder / name, replace=replace) as temporary:
                temporary.write_text(to_lines(decisions), encoding="ascii")
        except OSError as error:
            raise StoreError(f"cannot write the decisions in {self.folder}: {error.strerror or error}") from error
