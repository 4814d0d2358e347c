"""Records of CSV with a header; rows without any text are none."""

import csv
import difflib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import StringIO
from itertools import chain, repeat
from operator import methodcaller
from typing import Any
from zlib import crc32

from aiotask.cli.importing.lines import (
    LONGEST_RECORD,
    OVERLONG,
    MalformedInputError,
    check_text,
    line_portions,
)
from aiotask.cli.importing.records import FIELDS, Put, Record, named, record_of
from aiotask.cli.options import value_of

_ESCAPED = "surrogateescape"  # bytes that are not UTF-8 pass as characters that no text can hold
_DELIMITERS = ",;\t|"
_LONGEST_HEADER = 4096  # bytes that the delimiter is found in
_OVERLONG_MARK = b"\xff\xfe\xff overlong"  # replaces a line, and is not UTF-8 itself


class CsvRecords:
    """The records of a CSV text; a MalformedInputError at once says what its header lacks.

    Without a *delimiter*, the header tells which one it is.
    """

    def __init__(self, source: Iterable[bytes], delimiter: str | None = None) -> None:
        portions, header = _up_to_header(line_portions(source))
        self._before_read: Callable[[], None] = lambda: None
        self.delimiter = delimiter or _sniffed(header)
        texts = chain.from_iterable(self._texts(portions))
        self._reader = csv.reader(texts, delimiter=self.delimiter, strict=True)
        try:
            self._columns = self._header()
        except (csv.Error, ValueError) as error:
            raise MalformedInputError(f"{max(self._reader.line_num, 1)}: {error}") from error
        self.header = self._reader.line_num
        self._seed = crc32(_joined(self._columns))

    def check(self) -> None:
        """Read nothing more: the header is checked, and each row is wrong on its own."""

    def _texts(self, portions: Iterable[list[bytes]]) -> Iterator[Iterable[str]]:
        """Yield lines as text, as many at once as there are."""
        for portion in portions:
            if len(portion[0]) > LONGEST_RECORD:
                portion[0] = _OVERLONG_MARK
            text = b"\n".join(portion).decode("utf-8", _ESCAPED)
            # StringIO keeps line ends as they are, and is faster than a list of lines.
            yield StringIO(f"{text}\n", newline="\n")
            self._before_read()

    def _header(self) -> list[str]:
        try:
            columns = next((cells for cells in self._reader if cells), None)
        except csv.Error as error:
            raise ValueError(f"not CSV: {error}") from error
        if columns is None:
            raise ValueError("has no header, which names the columns")
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
                put([*map(record_of, zip(numbers, firsts, lasts, rows, prints, strict=True))])
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
            raise ValueError(f"{len(cells)} cells, but the header has {len(self._columns)}")
        _check("".join(cells))
        return {
            column: named(column, partial(value_of, FIELDS[column]), cell)
            for column, cell in zip(self._columns, cells, strict=True)
            if cell
        }


def _up_to_header(portions: Iterator[list[bytes]]) -> tuple[Iterator[list[bytes]], bytes]:
    """Return all portions, and the first line that is not blank."""
    held: list[list[bytes]] = []
    header = b""
    for portion in portions:
        held.append(portion)
        if header := next((line for line in portion if line.strip()), b""):
            break
    return chain(held, portions), header


def _sniffed(header: bytes) -> str:
    try:
        text = header[:_LONGEST_HEADER].decode(errors="replace")
        return csv.Sniffer().sniff(text, delimiters=_DELIMITERS).delimiter
    except csv.Error:  # a single column
        return ","


_encoded: Callable[[str], bytes] = methodcaller("encode", "utf-8", _ESCAPED)


def _joined(content: Iterable[str]) -> bytes:
    return _encoded("\0".join(content))


def _check(text: str) -> None:
    """Raise a ValueError if the text was overlong or not UTF-8."""
    content = _encoded(text)
    if _OVERLONG_MARK in content:
        raise ValueError(OVERLONG)
    check_text(content)


def _check_columns(columns: list[str]) -> None:
    _check("".join(columns))
    for position, column in enumerate(columns):
        if column not in FIELDS:
            close = difflib.get_close_matches(column, FIELDS, n=1) or sorted(FIELDS)
            hint = "did you mean" if len(close) == 1 else "choose from"
            raise ValueError(f"unknown field {column!r}; {hint} {', '.join(close)}")
        if column in columns[:position]:
            raise ValueError(f"two columns are named {column}")
