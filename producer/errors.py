"""Errors of the command line itself, one small tree.

ProducerError
├── BadRequest     wrong use: a path is missing, folders overlap, no references (exit code 2)
└── RunFailed      the run cannot go on: chunks or the reduction failed on every try (exit code 2)
"""


class ProducerError(Exception):
    """Base of all errors that this package raises on purpose; the message is one line that says what to do."""


class BadRequest(ProducerError):
    """What was asked cannot be done; nothing was made."""


class RunFailed(ProducerError):
    """A run has come to an end without an outcome; `producer resume` tries again."""
