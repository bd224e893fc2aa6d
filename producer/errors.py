"""Errors of the command line itself, one small tree.

ProducerError
├── BadRequest     wrong use: a missing path, overlapping folders, no references (exit code 2)
└── RunFailed      chunks or the reduction failed on every attempt (exit code 2)
"""


class ProducerError(Exception):
    """Base of all errors that this package raises on purpose; the message is one line that says what to do."""


class BadRequest(ProducerError):
    """The request cannot be carried out; nothing was created."""


class RunFailed(ProducerError):
    """A run ended without an outcome; `producer resume` tries again."""
