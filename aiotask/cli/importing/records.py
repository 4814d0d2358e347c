"""Records of a file or a pipe, one after the other: JSON Lines, or CSV with a header.

They are cut out here, and what they hold is read when its fields are wanted: so one that is wrong
is a record like any other until then, and going past a million of them is quick. Only the client
knows which values can be right, so fields come out with any.
"""

import csv
import difflib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from io import BufferedReader, StringIO
from itertools import chain, compress, repeat
from operator import methodcaller
from typing import Any, NamedTuple, Protocol
from zlib import crc32

from aiotask._encoding import field_types
from aiotask._json import JsonSyntaxError, loads
from aiotask.cli.options import moment, value_of
from aiotask.taskrouter import NewTask

# Attributes have 4,096 characters; what is longer than this is no record, and is not kept.
_LONGEST_LINE = 2**20
_OVERLONG = f"longer than {_LONGEST_LINE:,} bytes"
_BLOCK = 2**16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPED = "surrogateescape"  # bytes that are no text come through as what no text can hold
_OVERLONG_MARK = b"\xff\xfe\xff overlong"  # stands for a line of CSV, and is no text
_FIELDS = field_types(NewTask)
_MOMENTS = [name for name, kind in _FIELDS.items() if kind is datetime]


class Record(NamedTuple):
    """A record by its number from 1, its first and last line, and what those hold.

    That is a line of JSON, or the cells of CSV; a text says why it is no record at all. ``print``
    has 32 bits that tell it from another one.
    """

    number: int
    line: int
    last: int
    content: bytes | list[str] | str
    print: int


Put = Callable[[list[Record]], None]

# As Record._make, and many times as quick: a million of them are made before a run goes on.
_record: Callable[[Iterable[Any]], Record] = partial(tuple.__new__, Record)


class Records(Protocol):
    """The records of one input, whose header ends with the line ``header``."""

    header: int

    def read(self, put: Put) -> None:
        """Hand over all records in portions: each as soon as its last line is there."""

    @abstractmethod
    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record; a ValueError says why it has none."""


def _lines(file: BufferedReader) -> Iterator[list[bytes]]:
    """Yield whole lines without their ends, as many at once as there are.

    Of one that is too long only the beginning is kept, which is too long as well.
    """
    portions = _portions(file)
    for portion in portions:
        yield [portion[0].removeprefix(_BYTE_ORDER_MARK), *portion[1:]]
        break
    yield from portions


def _portions(file: BufferedReader) -> Iterator[list[bytes]]:
    rest = b""
    while block := file.read1(_BLOCK):
        head, *others = block.split(b"\n")
        if len(rest) <= _LONGEST_LINE:
            rest += head
        if others:
            last = others.pop()
            yield [rest, *others]
            rest = last
    if rest:
        yield [rest]


class JsonRecords:
    """The records of JSON Lines; blank lines are none."""

    header = 0

    def __init__(self, file: BufferedReader) -> None:
        self._file = file

    def read(self, put: Put) -> None:
        """Hand over all records."""
        number = line = 0
        for portion in _lines(self._file):
            texts = [*map(bytes.rstrip, portion)]
            lines: Sequence[int] = range(line + 1, line + 1 + len(texts))
            line += len(texts)
            if not all(texts):
                lines, texts = [*compress(lines, texts)], [*filter(None, texts)]
            numbers = range(number + 1, number + 1 + len(texts))
            number += len(texts)
            prints = map(crc32, texts)
            made = [*map(_record, zip(numbers, lines, lines, texts, prints, strict=True))]
            if made and len(texts[0]) > _LONGEST_LINE:  # the others are of one block
                made[0] = made[0]._replace(content=_OVERLONG)
            if made:
                put(made)

    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record."""
        text = record.content
        if not isinstance(text, bytes):
            raise ValueError(text)
        try:
            row = loads(text)
        except JsonSyntaxError as error:
            _check_text(text)
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"not a JSON object, but {text.decode().strip()[:40]}")
        for name in _MOMENTS:
            if isinstance(value := row.get(name), str):
                row[name] = _named(name, moment, value)
        return row


class CsvRecords:
    """The records of CSV; a ValueError at once says what is wrong with its header."""

    def __init__(self, file: BufferedReader) -> None:
        self._before_read: Callable[[], None] = lambda: None
        self._reader = csv.reader(chain.from_iterable(self._texts(file)), strict=True)
        try:
            self._columns = self._header()
        except (csv.Error, ValueError) as error:
            raise ValueError(f"{max(self._reader.line_num, 1)}: {error}") from error
        self.header = self._reader.line_num
        self._seed = crc32(_joined(self._columns))

    def _texts(self, file: BufferedReader) -> Iterator[Iterable[str]]:
        """Yield lines as text, as many at once as there are."""
        portions = _lines(file)
        while (portion := next(portions, None)) is not None:
            if len(portion[0]) > _LONGEST_LINE:  # the others are of one block
                portion[0] = _OVERLONG_MARK
            text = b"\n".join(portion).decode("utf-8", _ESCAPED)
            yield StringIO(f"{text}\n", newline="\n")  # gives lines as they are, and quickly
            self._before_read()

    def _header(self) -> list[str]:
        try:
            columns = next((cells for cells in self._reader if cells), None)
        except csv.Error as error:
            raise ValueError(f"no CSV: {error}") from error
        if columns is None:
            raise ValueError("there is no header, which names the columns")
        _check_columns(columns)
        return columns

    def read(self, put: Put) -> None:
        """Hand over all records."""
        number, last, reader, ended = 0, self.header, self._reader, False
        rows: list[list[str]] = []
        firsts: list[int] = []
        lasts: list[int] = []

        def hand_over() -> None:
            nonlocal number
            if rows:
                numbers = range(number + 1, number + 1 + len(rows))
                number += len(rows)
                prints = map(crc32, map(_encoded, map("\0".join, rows)), repeat(self._seed))
                put([*map(_record, zip(numbers, firsts, lasts, rows, prints, strict=True))])
                rows.clear()
                firsts.clear()
                lasts.clear()

        self._before_read = hand_over
        while not ended:
            try:
                for cells in reader:
                    first, last = last + 1, reader.line_num
                    if any(cells):
                        rows.append(cells)
                        firsts.append(first)
                        lasts.append(last)
                ended = True
            except csv.Error as error:
                hand_over()
                first, last = last + 1, reader.line_num
                number += 1
                put([Record(number, first, last, str(error), crc32(_joined(str(error))))])
        hand_over()

    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record."""
        try:
            return self._fields(record.content)
        except ValueError as error:
            if record.last == record.line:
                raise
            raise ValueError(f"{error} (read through line {record.last})") from error

    def _fields(self, cells: bytes | list[str] | str) -> dict[str, Any]:
        if not isinstance(cells, list):
            raise ValueError(cells)
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} cells, where the header has {len(self._columns)}")
        _check_text("".join(cells).encode(errors=_ESCAPED))
        return {
            column: _named(column, partial(value_of, _FIELDS[column]), cell)
            for column, cell in zip(self._columns, cells, strict=True)
            if cell
        }


_encoded: Callable[[str], bytes] = methodcaller("encode", "utf-8", _ESCAPED)


def _joined(content: Iterable[str]) -> bytes:
    return _encoded("\0".join(content))


def _check_columns(columns: list[str]) -> None:
    _check_text("".join(columns).encode(errors=_ESCAPED))
    for place, column in enumerate(columns):
        if column not in _FIELDS:
            close = difflib.get_close_matches(column, _FIELDS, n=1) or sorted(_FIELDS)
            which = "did you mean" if len(close) == 1 else "there are"
            raise ValueError(f"no field {column!r}; {which} {', '.join(close)}")
        if column in columns[:place]:
            raise ValueError(f"two columns are named {column}")


def _check_text(text: bytes) -> None:
    if _OVERLONG_MARK in text:
        raise ValueError(_OVERLONG)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte 0x{text[error.start]:02x}") from None


def _named(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


FORMATS: dict[str, Callable[[BufferedReader], Records]] = {
    "jsonl": JsonRecords,
    "csv": CsvRecords,
}
