"""Input of an import, opened and checked before anything is sent."""

import codecs
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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
from aiotask.cli.importing.shape import RowShape
from aiotask.cli.importing.stream import (
    DamagedError,
    guess,
    plain_name,
    text_blocks,
)
from aiotask.cli.importing.table_records import ParquetTable, Table, TableRecords, Workbook
from aiotask.cli.importing.unchanged import TextChecksums, UnchangedFile

STANDARD_INPUT = "-"
Format = Literal["jsonl", "json", "csv", "tsv", "excel", "parquet"]
_FIRST = 4  # bytes
_ENDINGS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".xlsx": "excel", ".xlsm": "excel", ".parquet": "parquet",
}  # fmt: skip
_TABLES: dict[Format | None, Callable[[BufferedReader, str | None], Table]] = {
    "excel": Workbook,
    "parquet": lambda file, _: ParquetTable(file),
}
_TABLE_MARKS: dict[bytes, Format] = {b"PK\x03\x04": "excel", b"PAR1": "parquet"}


class _EnoughError(Exception):
    """Ends the reading of an input after the last row that is wanted."""


class InputError(OSError):
    """The input broke off or was changed in the middle, or is not of its format from there on."""


@attrs.frozen(kw_only=True)
class InputSettings:
    """Settings for reading an input; None leaves one to the input's name and beginning."""

    form: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    worksheet: str | None = None
    rows: RowRanges | None = None
    shape: RowShape = attrs.field(factory=RowShape)


@attrs.frozen
class Input:
    """An opened input; *lines* is their number if that is known; a pipe can be read once."""

    name: str
    is_pipe: bool
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
            if rows is not None and portion[-1].number >= rows.last:
                raise _EnoughError

        with self.file:
            try:
                with _readable(self.name), suppress(_EnoughError):
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
    with ExitStack() as on_error, _readable(name):
        file = _opened(path)
        on_error.enter_context(file)
        is_pipe = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        if form is None and not is_pipe:  # a pipe may be silent yet
            form = _table_form(file)
        if settings.worksheet is not None and form != "excel":
            raise WrongUsageError(f"--worksheet: {name} is no workbook")
        if form in _TABLES:
            source = _table_input(name, is_pipe, file, form, settings)
        else:
            source = _text_input(name, is_pipe, file, form, settings)
        on_error.pop_all()
    return source


def _text_input(
    name: str, is_pipe: bool, file: BufferedReader, form: Format | None, settings: InputSettings
) -> Input:
    def blocks() -> Iterator[bytes]:
        return text_blocks(file, name, settings.encoding)

    def records(text: Iterable[bytes]) -> Records:
        delimiter, shape = settings.delimiter, settings.shape
        match form:
            case "csv":
                return CsvRecords(text, delimiter, shape)
            case "tsv":
                return CsvRecords(text, delimiter or "\t", shape)
            case "jsonl" | "json":
                return JsonRecords(text, form, shape)
            case _:
                return JsonRecords(text, shape=shape)

    lines, text = None, blocks()
    if not is_pipe:
        start, checksums = file.tell(), TextChecksums()
        checked = _CheckedText(checksums.noted(text))
        records(checked).check()
        lines = checked.count()
        file.seek(start)
        text = checksums.compared(blocks())
    return Input(name, is_pipe, lines, records(text), file, settings.rows)


def _table_input(
    name: str, is_pipe: bool, file: BufferedReader, form: Format | None, settings: InputSettings
) -> Input:
    if settings.delimiter is not None or settings.encoding is not None:
        option = "--delimiter" if settings.delimiter is not None else "--encoding"
        raise WrongUsageError(f"{option}: a workbook or a Parquet file has none")
    if is_pipe:
        raise WrongUsageError(f"{name}: a workbook or a Parquet file cannot come from a pipe")
    table = _TABLES[form](file, settings.worksheet)
    records = TableRecords(table, settings.shape, UnchangedFile(file).check)
    return Input(name, is_pipe, table.count, records, file, settings.rows)


def _table_form(file: BufferedReader) -> Format | None:
    start = file.peek(_FIRST)
    return next((form for mark, form in _TABLE_MARKS.items() if start.startswith(mark)), None)


def _form_of(path: str) -> Format | None:
    name = plain_name(path)
    return next((form for ending, form in _ENDINGS.items() if name.endswith(ending)), None)


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
    except (EOFError, zlib.error, DamagedError) as error:
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
