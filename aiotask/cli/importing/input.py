"""Input of an import, opened and checked before anything is sent."""

import codecs
import os
import stat
from collections.abc import Callable
from contextlib import ExitStack
from io import BufferedReader

import attrs

from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.csv_records import CsvRecords
from aiotask.cli.importing.json_records import JsonRecords
from aiotask.cli.importing.records import Put, Records

STANDARD_INPUT = "-"
FORMATS: dict[str, Callable[[BufferedReader], Records]] = {
    "jsonl": JsonRecords,
    "csv": CsvRecords,
}
_BLOCK = 2**20


@attrs.frozen
class Input:
    """An opened input; *lines* is their number, and None where it is unknown."""

    name: str
    format: str
    lines: int | None
    records: Records
    file: BufferedReader

    def read(self, put: Put) -> None:
        """Hand over all records, and close the file."""
        with self.file:
            self.records.read(put)


def open_input(path: str, given_format: str | None) -> Input:
    """Return the input at *path*; a WrongUsageError says why it cannot be read."""
    name = "<stdin>" if path == STANDARD_INPUT else path
    chosen = given_format or ("csv" if path.lower().endswith(".csv") else "jsonl")
    try:
        file = _opened(path)
        with ExitStack() as unless_all_is_well:
            unless_all_is_well.enter_context(file)
            lines = _checked(file, name)
            records = _records(name, file, chosen)
            unless_all_is_well.pop_all()
    except OSError as error:
        raise WrongUsageError(f"{name}: {error.strerror}") from error
    return Input(name, chosen, lines, records, file)


def _records(name: str, file: BufferedReader, chosen: str) -> Records:
    try:
        return FORMATS[chosen](file)
    except ValueError as error:
        raise WrongUsageError(f"{name}:{error}") from error


def _opened(path: str) -> BufferedReader:
    if path == STANDARD_INPUT:
        # Not sys.stdin: a thread that waits in its buffer at the end makes the interpreter abort.
        return open(0, "rb", closefd=False)
    return open(path, "rb")  # noqa: PTH123 - one kind of opening for both


def _checked(file: BufferedReader, name: str) -> int | None:
    """Return the number of lines of a regular file that is UTF-8; a pipe can be read only once."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return None
    start, lines, block, last = file.tell(), 0, b"", b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
            lines += block.count(b"\n")
            last = block
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        text = error.object
        line = lines + text.count(b"\n", 0, error.start) + 1
        reason = f"not UTF-8: byte 0x{text[error.start]:02x}"
        raise WrongUsageError(f"{name}:{line}: {reason}") from error
    file.seek(start)
    return lines + (last[-1:] not in {b"\n", b""})
