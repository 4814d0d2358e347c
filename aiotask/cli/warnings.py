"""Warnings of the library in the messages of a command: each once, as a line of its own."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


@contextmanager
def warnings_said(say: Callable[[str], None]) -> Iterator[None]:
    """Pass on what the library warns of within the block to *say*.

    Without a handler Python would write it to standard error itself, into the display of progress.
    """
    log, lines = logging.getLogger("aiotask"), _Lines(say)
    log.addHandler(lines)
    try:
        yield
    finally:
        log.removeHandler(lines)
