"""An output folder as a sandbox: operations stay in it, and take only what lies in this machine's roots.

A path is only a name: whoever may write in a folder can replace a part of the path by a symbolic link between a check
and the use. So the folder of a target is opened once, without following a link at its end; the kernel tells where it
really is; and the operation goes through the open folder, whatever its name means by then.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from store.durability import sync_folders
from store.file_operation import Action, Image, Operation
from store.journal import JOURNAL_FOLDER
from store.location import Storage, storage_of
from store.location.local_storage import real_path
from workers.errors import Unsettled
from workers.fileops import files
from workers.fileops.operation import OperationFailed, TargetExists
from workers.fileops.output import Output
from workers.fileops.staging import STAGED, Staging

__all__ = ["Sandbox"]

_OPEN_FOLDERS = 64

_THROUGH = b"/proc/self/fd/%d"
"""An open folder by a path. Where there is no /proc, folders are looked at when a batch begins, and not again."""


class _NotOurFolder(OperationFailed):
    """Something else stands where the folder was: nothing of ours was done behind it."""


class Sandbox(Output):
    """Does the operations of one output folder."""

    has_folders = True

    def __init__(
        self, output: Path, storage: Storage[Path] | None = None, *, open_folders: int = _OPEN_FOLDERS
    ) -> None:
        """Open nothing yet.

        Args:
            output: The output folder.
            storage: Its own; if it is confined, originals must lie inside.
            open_folders: How many folders may stay open between two operations.
        """
        self._output = os.fsencode(output)
        self._real = os.path.realpath(self._output)
        self._storage = storage or storage_of(output)
        self._most = open_folders
        self._folders: OrderedDict[bytes, int] = OrderedDict()
        self._usable = os.path.isdir(os.path.dirname(_THROUGH))
        staged = os.path.join(self._output, os.fsencode(JOURNAL_FOLDER), os.fsencode(STAGED))
        self._staging = Staging(staged, self._open, _THROUGH)

    def release(self) -> None:
        self._staging.clear()
        self._close_folders(0)

    def prepare(self, operations: Sequence[Operation]) -> None:
        """Stage the copies among them."""
        if self._usable:
            self._staging.fill(operations)

    def exists(self, target: bytes) -> bool:
        return os.path.lexists(target)

    def stands_already(self, op: Operation) -> bool:
        return files.stands_already(op)

    def sync(self, folders: Iterable[bytes]) -> None:
        sync_folders(list(folders))

    def remove_empty(self, folders: Iterable[bytes]) -> None:
        for folder in folders:
            with contextlib.suppress(OperationFailed):  # it leads out, or may not be removed
                self.undo(Operation(Action.FOLDER, Image(b""), b"", folder))
        self.release()

    def apply(self, op: Operation) -> Operation:
        with self._inside(op) as inner, self._original(op) as original:
            done = inner if self._staging.publish(inner) else files.apply(inner)
            if original is not None and done.action is Action.HARDLINK:
                _need_same(original, inner.target)
        return op if done.action is op.action else replace(op, action=done.action)

    def recover(self, op: Operation) -> Operation | None:
        """As `Output.recover`; an operation that leads out of the sandbox did not happen."""
        try:
            with self._inside(op) as inner:
                try:
                    done = files.recover(inner)
                except OSError as error:
                    path = os.fsdecode(error.filename or inner.target)
                    raise OperationFailed(f"{path}: {error.strerror or error}") from error
        except _NotOurFolder:
            return None
        except OperationFailed as error:
            raise Unsettled(
                f"a process was killed while it placed a file that cannot be reached now: {error};"
                " mend that and try again"
            ) from error
        return None if done is None else replace(op, action=done.action)

    def undo(self, op: Operation) -> None:
        if op.action is Action.MOVE:
            try:
                self._storage.check_allowed(os.path.realpath(os.path.dirname(op.source)))
            except OSError as error:
                raise OperationFailed(f"{os.fsdecode(op.source)}: {error.strerror}") from error
        if op.action is Action.FOLDER:
            self.release()  # a folder that is removed may be made again, as another one
        with self._inside(op) as inner:
            files.undo(inner)

    @contextlib.contextmanager
    def _inside(self, op: Operation) -> Iterator[Operation]:
        """The operation with its paths in the output led through folders that stay open until it is over.

        Raises:
            _NotOurFolder: Something else stands in a folder's place.
            OperationFailed: A folder cannot be opened; or what the block raised, with the paths that a person knows.
        """
        source = self._through(op.source) if op.action is Action.RENAME else op.source
        inner = Operation(op.action, op.image, source, self._through(op.target), op.digest, op.placed, op.id)
        try:
            yield inner
        except (OperationFailed, TargetExists) as error:
            message = str(error).replace(os.fsdecode(inner.target), os.fsdecode(op.target))
            raise type(error)(message.replace(os.fsdecode(source), os.fsdecode(op.source))) from error
        finally:
            self._close_folders(self._most)

    def _through(self, path: bytes) -> bytes:
        """A path led through its open folder; the path itself where that folder does not exist."""
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
        self._folders.move_to_end(folder)
        return os.path.join(_THROUGH % self._folders[folder], name)

    def _close_folders(self, most: int) -> None:
        """Close the folders that were used longest ago, until so many are open."""
        while len(self._folders) > most:
            os.close(self._folders.popitem(last=False)[1])

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

    @contextlib.contextmanager
    def _original(self, op: Operation) -> Iterator[int | None]:
        """The open original of a hard link, which must lie in a root; None where nobody has to look.

        Of a copy nobody has to: its bytes are compared with those that were read inside the roots.
        """
        if not self._storage.confined or op.action is not Action.HARDLINK or not storage_of(op.source).can_link:
            yield None
            return
        try:
            original = self._storage.open(op.source)
        except OSError as error:
            raise OperationFailed(f"{os.fsdecode(op.source)}: {error.strerror}") from error
        with original:
            yield original.fileno()


def _need_same(original: int, link: bytes) -> None:
    """Remove a link to another file than the one that was checked."""
    if not os.path.samestat(os.fstat(original), os.lstat(link)):
        os.unlink(link)
        raise OperationFailed(f"the original of {os.fsdecode(link)} was exchanged just now")
