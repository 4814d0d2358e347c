"""Records of tables whose cells have types: workbooks and Parquet files, a portion at a time."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BufferedReader
from itertools import islice
from typing import Any, NamedTuple, Protocol
from warnings import catch_warnings, simplefilter
from zipfile import BadZipFile, ZipFile
from zlib import crc32

from aiotask._json import dumps, loads, strict_dumps
from aiotask.cli.errors import WrongUsageError
from aiotask.cli.extras import extra
from aiotask.cli.importing.lines import MalformedInputError
from aiotask.cli.importing.records import Frame, Put, Record, Unreadable
from aiotask.cli.importing.shape import RowShape

_PORTION = 1000  # rows
_ERRORS = {"#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"}
_LINES = Frame(b"", b"", b"")


class Table(Protocol):
    """A table in a file."""

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """The names of the columns."""

    @property
    @abstractmethod
    def header(self) -> int:
        """The line that has them."""

    @property
    @abstractmethod
    def count(self) -> int | None:
        """The number of the last line, as far as it is known."""

    @abstractmethod
    def rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield the cells of each row, and its line."""


class TableRecords:
    """The records of a table; a rejected one is written as a line of JSON.

    ``unchanged`` is called before a portion is handed over, and may refuse it.
    """

    frame = _LINES

    def __init__(self, table: Table, shape: RowShape, unchanged: Callable[[], None]) -> None:
        try:
            shape.check_columns(table.columns)
        except ValueError as error:
            raise MalformedInputError(f"{max(table.header, 1)}: {error}") from error
        self.header: int = table.header
        self._table = table
        self._shape = shape
        self._unchanged = unchanged
        self._seed = crc32(dumps(table.columns))

    def check(self) -> None:
        """Read nothing more: the header is checked, and each row is wrong on its own."""

    def read(self, put: Put) -> None:
        """Hand over all records."""
        rows, number = self._table.rows(), 0
        while portion := [*islice(rows, _PORTION)]:
            self._unchanged()
            records = []
            for line, cells in portion:
                if any(cell is not None for cell in cells):
                    number += 1
                    records.append(self._record(number, line, cells))
            if records:
                put(records)

    def _record(self, number: int, line: int, cells: Sequence[Any]) -> Record:
        content: bytes | Unreadable
        try:
            plain = [
                _plain(cell, name) for name, cell in zip(self._table.columns, cells, strict=True)
            ]
            content = strict_dumps({"": plain})[4:-1]
            print_ = crc32(content, self._seed)
        except ValueError as error:
            content = Unreadable(str(error), b"")
            print_ = crc32(str(error).encode(), self._seed)
        return Record(number, line, line, content, print_)

    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record."""
        return self._shape.fields(self._row(record), cells=True)

    def key(self, record: Record) -> Any:
        """Return the cell of the key column."""
        return self._shape.key(self._row(record))

    def raw(self, record: Record) -> bytes:
        """Return a record as a line of JSON."""
        if not isinstance(record.content, bytes):
            return b""
        return dumps(self._row(record)) + b"\n"

    def _row(self, record: Record) -> dict[str, Any]:
        if isinstance(record.content, Unreadable):
            raise ValueError(record.content.reason)
        cells = loads(record.content) if isinstance(record.content, bytes) else []
        pairs = zip(self._table.columns, cells, strict=True)
        return {name: cell for name, cell in pairs if cell is not None}


def _plain(value: Any, name: str) -> Any:
    """Return a cell as JSON has it: a date as text in ISO 8601, a decimal as a number."""
    made = value
    match value:
        case None | bool() | int() | float():
            pass
        case str():
            if value in _ERRORS:
                raise ValueError(f"{name}: the formula in the cell gives {value}")
        case datetime() | date() | time():
            made = value.isoformat()
        case timedelta():
            made = value.total_seconds()
        case Decimal():
            made = int(value) if value == value.to_integral_value() else float(value)
        case Mapping():
            made = {str(key): _plain(each, name) for key, each in value.items()}
        case list() | tuple():
            made = [_plain(each, name) for each in value]
        case _:
            raise ValueError(f"{name}: is {type(value).__name__}, which JSON has not")
    return made


class _Names(NamedTuple):
    names: list[str]
    used: list[int]


def _named_columns(cells: Iterable[Any]) -> _Names:
    """Return the columns of a header that have a name."""
    named = [(str(cell), at) for at, cell in enumerate(cells) if cell not in (None, "")]
    return _Names([name for name, _ in named], [at for _, at in named])


def _sheet(sheets: Sequence[Any], name: str | None) -> Any:
    """Return the sheet of a name, which Excel does not tell from one in other letters."""
    if name is None:
        return sheets[0]
    for sheet in sheets:
        if sheet.title.casefold() == name.casefold():
            return sheet
    there = ", ".join(repr(sheet.title) for sheet in sheets)
    raise WrongUsageError(f"--worksheet {name}: there is none of that name, but {there}")


class Workbook:
    """A sheet of a workbook of Excel, the first one unless another is named.

    Its first row that is not empty is the header.
    """

    def __init__(self, file: BufferedReader, worksheet: str | None) -> None:
        openpyxl = extra(("openpyxl",), "excel", "a workbook")
        try:
            with ZipFile(file) as archive:
                if (broken := archive.testzip()) is not None:
                    raise MalformedInputError(f"1: damaged: {broken}")
            with catch_warnings():
                simplefilter("ignore")  # of styles and extensions, which are of no concern here
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            self._sheet = _sheet(book.worksheets, worksheet)
            # What a program has written about its size may be wrong.
            self.count: int | None = self._sheet.max_row
            self._sheet.reset_dimensions()
        except (BadZipFile, KeyError, IndexError, OSError, ValueError) as error:
            if isinstance(error, MalformedInputError):
                raise
            raise MalformedInputError(f"1: not a workbook: {error}") from error
        self.header: int = 0
        header: _Names | None = None
        for line, cells in enumerate(self._sheet.iter_rows(values_only=True), 1):
            if any(cell not in (None, "") for cell in cells):
                self.header, header = line, _named_columns(cells)
                break
        if header is None:
            raise MalformedInputError("1: has no header, which names the columns")
        self.columns: list[str] = header.names
        self._used = header.used

    def rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield the rows after the header."""
        first = self.header + 1
        found = self._sheet.iter_rows(min_row=first, values_only=True)
        for line, cells in enumerate(found, first):
            wide = (*cells, *(None for _ in range(self._used[-1] + 1 - len(cells))))
            yield line, [None if wide[at] == "" else wide[at] for at in self._used]


class ParquetTable:
    """A Parquet file, read by row groups."""

    header: int = 0

    def __init__(self, file: BufferedReader) -> None:
        parquet = extra(("pyarrow.parquet",), "parquet", "Parquet")
        try:
            self._file = parquet.ParquetFile(file)
        except (OSError, ValueError) as error:
            raise MalformedInputError(f"1: not Parquet: {error}") from error
        self.columns: list[str] = self._file.schema_arrow.names
        self.count: int | None = self._file.metadata.num_rows

    def rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield all rows."""
        line = 0
        batches = self._file.iter_batches(batch_size=_PORTION)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, ValueError) as error:
                raise MalformedInputError(f"{line + 1}: damaged: {error}") from error
            if batch is None:
                return
            columns = [column.to_pylist() for column in batch.columns]
            for cells in zip(*columns, strict=True):
                line += 1
                yield line, cells
