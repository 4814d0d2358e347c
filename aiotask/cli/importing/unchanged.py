"""Checks that a file still has the text that it had when it was checked.

An import reads a file twice: once before anything is sent, and once while rows are sent, which may
take hours. Rows that are cut off, or come from two versions of the file, must not be imported.
"""

import os
from array import array
from collections.abc import Iterable, Iterator
from io import BufferedReader
from zlib import crc32

_WINDOW = 2**16  # bytes of text for each checksum: 64 KiB for every GiB


class ChangedInputError(OSError):
    """The file was changed while it was read."""


class TextChecksums:
    """Checksums of a text, in windows."""

    def __init__(self) -> None:
        self._sums = array("I")
        self._last = 0  # bytes in the last window

    def noted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a text, and keep its checksums; all of it has to be taken."""
        for window in _windows(blocks):
            self._sums.append(crc32(window))
            self._last = len(window)
            yield window

    def compared(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same text again; whole lines may follow it.

        A ChangedInputError is raised before anything is yielded that is another text.
        """
        windows, text = _windows(blocks), b""
        for number, expected in enumerate(self._sums, 1):
            text = next(windows, b"")
            least = self._last if number == len(self._sums) else _WINDOW
            if len(text) < least:
                raise ChangedInputError("it became shorter while it was read; put the rest back")
            if crc32(text[:least]) != expected:
                raise ChangedInputError("it was changed while it was read; put back what it was")
            if len(text) == least:
                yield text
                text = b""
        yield from _whole_lines(text, windows)


class UnchangedFile:
    """A file that is read in no order: its size and its date tell that it is what it was."""

    def __init__(self, file: BufferedReader) -> None:
        self._number = file.fileno()
        self._state = self._now()

    def check(self) -> None:
        """Raise a ChangedInputError if the file was changed."""
        if self._now() != self._state:
            raise ChangedInputError("it was changed while it was read; put back what it was")

    def _now(self) -> tuple[int, int]:
        state = os.fstat(self._number)
        return state.st_size, state.st_mtime_ns


def _whole_lines(start: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what was added to a text meanwhile, in whole lines."""
    text = start
    for window in more:
        if text:
            yield text
        text = window
    if not text:
        return
    end = text.rfind(b"\n") + 1
    yield text[:end]
    if end < len(text):
        raise ChangedInputError("it grew while it was read, and its last line is not whole yet")


def _windows(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text in pieces of one size, except the last."""
    rest = b""
    for block in blocks:
        rest = rest + block if rest else block
        start = 0
        while len(rest) - start >= _WINDOW:
            yield rest[start : start + _WINDOW]
            start += _WINDOW
        rest = rest[start:]
    if rest:
        yield rest
