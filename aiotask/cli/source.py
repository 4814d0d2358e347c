"""The input of an import: opened and looked through before anything is sent."""

import codecs
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import BinaryIO

import attrs

from aiotask.cli.failures import WrongUsageError
from aiotask.cli.rows import FORMATS, BadRow, Lines, Row

STANDARD_INPUT = "-"
_BLOCK = 2**20


@attrs.frozen
class Source:
    """The rows of an input; *size* is its bytes, and None where that is not known."""

    name: str
    format: str
    size: int | None
    lines: Lines
    rows: Generator[Row | BadRow, None, None]


def open_source(path: str, given_format: str | None) -> Source:
    """Return the input at *path*; a WrongUsageError says why nobody can read it."""
    name = "<stdin>" if path == STANDARD_INPUT else path
    chosen = given_format or ("csv" if path.lower().endswith(".csv") else "jsonl")
    try:
        file = _opened(path)
        with ExitStack() as unless_all_is_well:
            unless_all_is_well.enter_context(file)
            size = _checked(file, name)
            lines = Lines(file)
            rows = _rows(name, lines, chosen)
            unless_all_is_well.pop_all()
    except OSError as error:
        raise WrongUsageError(f"{name}: {error.strerror}") from error
    return Source(name, chosen, size, lines, _closing(file, rows))


def _rows(name: str, lines: Lines, chosen: str) -> Iterator[Row | BadRow]:
    try:
        return FORMATS[chosen](lines)
    except ValueError as error:
        raise WrongUsageError(f"{name}:{max(lines.number, 1)}: {error}") from error


def _closing(file: BinaryIO, rows: Iterator[Row | BadRow]) -> Generator[Row | BadRow, None, None]:
    with file:
        yield from rows


def _opened(path: str) -> BinaryIO:
    if path == STANDARD_INPUT:
        # Not sys.stdin: a thread that waits in its buffer at the end makes the interpreter abort.
        return open(0, "rb", closefd=False)
    return open(path, "rb")  # noqa: PTH123 - one kind of opening for both


def _checked(file: BinaryIO, name: str) -> int | None:
    """Return the bytes of a regular file if it is UTF-8; a pipe can be looked through only once."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return None
    start, line = file.tell(), 1
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
            line += block.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        text = error.object
        line += text.count(b"\n", 0, error.start)
        reason = f"not UTF-8: byte 0x{text[error.start]:02x}"
        raise WrongUsageError(f"{name}:{line}: {reason}") from error
    size = file.tell() - start
    file.seek(start)
    return size
