"""Input of an import, opened and checked before anything is sent."""

import codecs
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from itertools import chain
from typing import Literal

import attrs

from aiotask.cli.errors import WrongUsageError
from aiotask.cli.importing.csv_records import CsvRecords
from aiotask.cli.importing.json_records import JsonRecords
from aiotask.cli.importing.lines import MalformedInputError
from aiotask.cli.importing.records import Put, Record, Records
from aiotask.cli.importing.row_ranges import RowRanges
from aiotask.cli.importing.stream import guess, text_blocks
from aiotask.cli.importing.unchanged import TextChecksums

STANDARD_INPUT = "-"
Format = Literal["jsonl", "json", "csv", "tsv"]
_FIRST = 4  # bytes


class InputError(OSError):
    """The input broke off or was changed in the middle, or is not of its format from there on."""


@attrs.frozen(kw_only=True)
class InputSettings:
    """Settings for reading an input; None leaves one to the input's name and beginning."""

    form: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    rows: RowRanges | None = None


@attrs.frozen
class Input:
    """An opened input; *lines* is their number, and None for a pipe, which can be read once."""

    name: str
    lines: int | None
    records: Records
    file: BufferedReader
    rows: RowRanges | None

    def read(self, put: Put) -> None:
        """Hand over all records that are wanted, and close the file."""
        rows = self.rows

        def put_wanted(portion: list[Record]) -> None:
            if wanted := [record for record in portion if rows and record.number in rows]:
                put(wanted)

        with self.file:
            try:
                with _readable(self.name):
                    self.records.read(put if rows is None else put_wanted)
            except WrongUsageError as error:
                raise InputError(error.message) from error

    def position(self, record: Record) -> int:
        """Return the number of a record among those that are wanted."""
        return record.number if self.rows is None else self.rows.position(record.number)


def open_input(path: str, settings: InputSettings) -> Input:
    """Return the input at *path*; a WrongUsageError says why it cannot be read."""
    name = "<stdin>" if path == STANDARD_INPUT else path
    form = settings.form or _form_of(path)
    if settings.delimiter is not None:
        if form in {"jsonl", "json"}:
            raise WrongUsageError("--delimiter: JSON has none")
        form = form or "csv"
    compressed = path.lower().endswith(".gz")
    with ExitStack() as on_error, _readable(name):
        file = _opened(path)
        on_error.enter_context(file)

        def blocks() -> Iterator[bytes]:
            return text_blocks(file, compressed=compressed, encoding=settings.encoding)

        lines, text = None, blocks()
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            start, checksums = file.tell(), TextChecksums()
            checked = _CheckedText(checksums.noted(text))
            _records(form, checked, settings.delimiter).check()
            lines = checked.count()
            file.seek(start)
            text = checksums.compared(blocks())
        records = _records(form, text, settings.delimiter)
        on_error.pop_all()
    return Input(name, lines, records, file, settings.rows)


def _form_of(path: str) -> Format | None:
    name = path.lower().removesuffix(".gz")
    forms: tuple[Format, Format] = ("csv", "tsv")
    return next((form for form in forms if name.endswith(f".{form}")), None)


def _records(form: Format | None, blocks: Iterable[bytes], delimiter: str | None) -> Records:
    match form:
        case "csv":
            return CsvRecords(blocks, delimiter)
        case "tsv":
            return CsvRecords(blocks, delimiter or "\t")
        case _:
            return JsonRecords(blocks, form)


def _opened(path: str) -> BufferedReader:
    if path == STANDARD_INPUT:
        # Not sys.stdin: a thread that waits in its buffer at the end makes the interpreter abort.
        return open(0, "rb", closefd=False)
    return open(path, "rb")  # noqa: PTH123 - one kind of opening for both


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Raise all that can be wrong with an input as a WrongUsageError."""
    try:
        yield
    except OSError as error:
        raise WrongUsageError(f"{name}: {error.strerror or error}") from error
    except MalformedInputError as error:
        raise WrongUsageError(f"{name}:{error}") from error
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x}"
        raise WrongUsageError(f"{name}: not {error.encoding}: {byte}") from error
    except UnicodeError as error:  # of UTF-16 without a byte order mark, for one
        raise WrongUsageError(f"{name}: {error}") from error
    except (EOFError, zlib.error) as error:
        raise WrongUsageError(f"{name}: damaged: {error}") from error


class _CheckedText:
    """Blocks of a text, ended by a MalformedInputError where they are not UTF-8."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._checked = self._check(blocks)
        self._lines = 0
        self._last = b""

    def __iter__(self) -> Iterator[bytes]:
        return self._checked

    def count(self) -> int:
        """Read what is left, and return the number of all lines."""
        for _ in self._checked:
            pass
        return self._lines + (self._last[-1:] not in {b"\n", b""})

    def _check(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        decoder, start = codecs.getincrementaldecoder("utf-8")(), b""
        for block in chain(blocks, [b""]):
            start = start or block
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise self._error(start, error.object, error.start) from error
            # ASCII text in UTF-16 without a byte order mark passes as UTF-8.
            if b"\0" in start[:_FIRST]:
                raise self._error(start, start, start.index(b"\0"))
            self._lines += block.count(b"\n")
            self._last = block or self._last
            yield block

    def _error(self, start: bytes, text: bytes, position: int) -> MalformedInputError:
        line = self._lines + text.count(b"\n", 0, position) + 1
        reason = f"not UTF-8: byte 0x{text[position]:02x}; {guess(start)}"
        return MalformedInputError(f"{line}: {reason}")
