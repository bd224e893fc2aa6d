"""Errors of the work itself, one small tree.

    WorkerError
    ├── RootNotVisible     this machine does not see the archive: a missing mount, not missing pictures
    ├── WrongWeights       the weights in the store are not those that the run was made with
    ├── PictureStuck       a picture hangs its reader; the process has to end to be rid of it
    ├── PassOver           nobody wants the pass any more: undone, cancelled, or another has taken its place
    ├── NotReady           the pass cannot be reduced: chunks are missing, or no reference picture can be read
    ├── Unsettled          what a killed process had begun to place cannot be reached, so nobody can tell if it is done
    └── UndoRefused        undoing this run would break what a later run did

A picture that cannot be read is no error of this tree; it is an outcome, a row in the shard.
"""


class WorkerError(Exception):
    """Base of all errors that this package raises on purpose."""


class RootNotVisible(WorkerError):
    """The archive's root folder does not exist on this machine."""


class WrongWeights(WorkerError):
    """The weights file is missing or has another digest than the run asks for."""


class PictureStuck(WorkerError):
    """Reading or decoding a picture takes longer than it may, in a thread that nobody can stop."""


class NotReady(WorkerError):
    """The pass cannot be reduced yet, or not at all."""


class PassOver(WorkerError):
    """Nobody wants what was asked for any more. The message says why: `undone`."""


class Unsettled(WorkerError):
    """A file operation of a killed process can be neither confirmed nor dropped now."""


class UndoRefused(WorkerError):
    """A later run stands on what this run did."""
