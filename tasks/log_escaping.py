"""What a worker logs, as letters: a line may hold a file's name, an error's text or a stranger's message."""

from __future__ import annotations

import logging
from typing import Any

from celery import signals

from model.printable import printable_lines

__all__ = ["PrintableFormatter"]


class PrintableFormatter(logging.Formatter):
    """Formats as another one does, without colours; nothing in the text commands a terminal."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner
        vars(inner)["use_color"] = False  # Celery's own escapes could not be told from others

    def format(self, record: logging.LogRecord) -> str:
        """The record's text; a traceback keeps its lines."""
        return printable_lines(self._inner.format(record))


@signals.after_setup_logger.connect  # type: ignore[untyped-decorator]
@signals.after_setup_task_logger.connect  # type: ignore[untyped-decorator]
def _guard(logger: logging.Logger, **_: Any) -> None:
    for handler in logger.handlers:
        if handler.formatter is not None and not isinstance(handler.formatter, PrintableFormatter):
            handler.setFormatter(PrintableFormatter(handler.formatter))
