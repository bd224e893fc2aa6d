"""The fence: file operations stay in the output folder, and take only what lies in this machine's roots.

A path is only a name; whoever may write in a folder can put a symbolic link in the place of a part of it, between a
check and the use. So the folder of a target is opened once, without following a link at its end; the kernel tells where
it really is; and the operation goes through the open folder, wherever its name leads meanwhile.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from store.file_operation import Action, Operation
from store.files import sync_folders
from store.journal import JOURNAL_FOLDER
from store.object_storage import is_remote
from store.roots import ANYWHERE, Roots
from workers.copy_and_rename import OperationFailed, TargetExists
from workers.errors import Unsettled
from workers.file_operations import apply, recover, stands_already
from workers.safe_open import real_path
from workers.staging import STAGED, Staging
from workers.undo_operation import undo

__all__ = ["Sandbox"]

_OPEN_FOLDERS = 64
"""At most so many are held open. An operation goes through two, so the two used last must stay."""

_THROUGH = b"/proc/self/fd/%d"
"""An open folder by a path. Where there is no /proc, folders are looked at when a batch begins, and not again."""

_UNSETTLED = "a process was killed while it placed a file that cannot be reached now: %s; mend that and try again"

T = TypeVar("T")
R = TypeVar("R")


class _NotOurFolder(OperationFailed):
    """Something else stands where the folder was: nothing of ours was done behind it."""


class Sandbox:
    """Does and reverses operations of one output folder."""

    has_folders = True

    def __init__(self, output: Path, roots: Roots = ANYWHERE) -> None:
        self._output = os.fsencode(output)
        self._real = os.path.realpath(self._output)
        self._roots = roots
        self._folders: OrderedDict[bytes, int] = OrderedDict()
        self._usable = os.path.isdir(os.path.dirname(_THROUGH))
        staged = os.path.join(self._output, os.fsencode(JOURNAL_FOLDER), os.fsencode(STAGED))
        self._staging = Staging(staged, self._open, _THROUGH)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Close the folders held open, and forget the copies written ahead."""
        self._staging.clear()
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def expect(self, targets: Iterable[bytes]) -> None:
        """Nothing to do: each name is looked at in no time."""

    def prepare(self, operations: Sequence[Operation]) -> None:
        """Write the copies among them ahead, so that the disk is waited for once."""
        if self._usable:
            self._staging.fill(operations)

    def exists(self, target: bytes) -> bool:
        """Whether anything bears a name, a link that leads nowhere too."""
        return os.path.lexists(target)

    def stands_already(self, op: Operation) -> bool:
        """As `file_operations.stands_already`."""
        return stands_already(op)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Call a function for each, one after the other: folders are held open, and a disk is one."""
        return map(function, items)

    def sync(self, folders: Iterable[bytes]) -> None:
        """Make the names in folders durable."""
        sync_folders([Path(os.fsdecode(folder)) for folder in folders])

    def apply(self, op: Operation) -> Operation:
        """Do an operation, as `file_operations.apply`.

        Raises:
            TargetExists: Something stands at the target.
            OperationFailed: It cannot be done, or would lead out of the fence.
        """
        kept = self._keep(op)
        original = self._open_original(op) if self._needs_look(op) else None
        try:
            done = kept if self._staging.publish(kept) else apply(kept)
            if original is not None and done.action is Action.HARDLINK:
                _need_same(original, kept.target)
        except (OperationFailed, TargetExists) as error:
            raise _by_name(error, op, kept) from error
        finally:
            if original is not None:
                os.close(original)
        return op if done.action is op.action else replace(op, action=done.action)

    def recover(self, op: Operation) -> Operation | None:
        """Settle an operation whose process died, as `file_operations.recover`; one that leads out did not happen.

        Raises:
            Unsettled: It cannot be told now whether it happened.
        """
        try:
            kept = self._keep(op)
            done = recover(kept)
        except _NotOurFolder:
            return None
        except OperationFailed as error:
            raise Unsettled(_UNSETTLED % error) from error
        except OSError as error:
            said = OperationFailed(f"{os.fsdecode(error.filename or kept.target)}: {error.strerror or error}")
            raise Unsettled(_UNSETTLED % _by_name(said, op, kept)) from error
        return None if done is None else replace(op, action=done.action)

    def undo(self, op: Operation) -> None:
        """Take an operation back, as `undo_operation.undo`.

        Raises:
            OperationFailed: It cannot be taken back without losing something, or would lead out of the fence.
        """
        if op.action is Action.MOVE and not self._roots.admits(
            os.path.realpath(os.fsdecode(os.path.dirname(op.source)))
        ):
            raise OperationFailed(f"{os.fsdecode(op.source)} leads out of this machine's OSHIWAKE_ROOTS")
        if op.action is Action.FOLDER:
            self.release()  # one that goes may come back, as another folder
        kept = self._keep(op)
        try:
            undo(kept)
        except OperationFailed as error:
            raise _by_name(error, op, kept) from error

    def _keep(self, op: Operation) -> Operation:
        """The operation with its names in the output folder led through open folders."""
        source = self._through(op.source) if op.action is Action.RENAME else op.source
        return Operation(op.action, op.image, source, self._through(op.target), op.digest, op.placed, op.id)

    def _through(self, path: bytes) -> bytes:
        """A name led through its open folder; as it is where that folder does not exist.

        Raises:
            _NotOurFolder: Something else stands in the folder's place.
            OperationFailed: The folder cannot be opened.
        """
        folder, name = os.path.split(path)
        if not self._usable:
            return path
        if folder not in self._folders:
            try:
                self._folders[folder] = self._open(folder)
            except FileNotFoundError:
                return path
            except OSError as error:
                kind = _NotOurFolder if error.errno in (errno.ELOOP, errno.ENOTDIR) else OperationFailed
                raise kind(f"{os.fsdecode(folder)}: {error.strerror}") from error
            if len(self._folders) > _OPEN_FOLDERS:
                os.close(self._folders.popitem(last=False)[1])
        self._folders.move_to_end(folder)
        return os.path.join(_THROUGH % self._folders[folder], name)

    def _open(self, folder: bytes) -> int:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            below = os.path.relpath(folder, self._output)
            expected = os.path.normpath(os.path.join(self._real, below))
            if below.startswith(b"..") or real_path(descriptor) != expected:
                raise OSError(errno.ELOOP, "it leads out of the output folder")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _needs_look(self, op: Operation) -> bool:
        """Whether it makes a link to a file; what a copy holds is compared with what was read inside the roots."""
        return bool(self._roots) and op.action is Action.HARDLINK and not is_remote(op.source)

    def _open_original(self, op: Operation) -> int:
        """Open the original of a hard link and make sure that it lies in a root."""
        try:
            descriptor = os.open(op.source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise OperationFailed(f"{os.fsdecode(op.source)}: {error.strerror}") from error
        if not self._roots.admits(os.fsdecode(real_path(descriptor))):
            os.close(descriptor)
            raise OperationFailed(f"{os.fsdecode(op.source)} leads out of this machine's OSHIWAKE_ROOTS")
        return descriptor


def _need_same(original: int, link: bytes) -> None:
    """A link to another file than the one looked at goes again."""
    if not os.path.samestat(os.fstat(original), os.lstat(link)):
        os.unlink(link)
        raise OperationFailed(f"the original of {os.fsdecode(link)} was exchanged just now")


def _by_name(error: OperationFailed | TargetExists, op: Operation, kept: Operation) -> OperationFailed | TargetExists:
    """The same error with the names that a person knows."""
    said = str(error)
    for path, led in ((op.target, kept.target), (op.source, kept.source)):
        said = said.replace(os.fsdecode(led), os.fsdecode(path))
    return type(error)(said)
