"""Rows of a file or a pipe, one after the other: JSON Lines, or CSV with a header.

A line that is no row comes out as a BadRow, and the next one as if nothing had been. Only the
client knows which values can be right, so rows come out with any.
"""

import csv
import difflib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

import attrs
import orjson

from aiotask._encoding import field_types
from aiotask.cli.fields import moment, value_of
from aiotask.taskrouter import NewTask

# Attributes have 4,096 characters; what is longer than this is no row, and is not kept.
_LONGEST_LINE = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = field_types(NewTask)
_MOMENTS = [name for name, kind in _FIELDS.items() if kind is datetime]


class Row(dict[str, Any]):
    """A row of create's fields, which knows its place: the first and last of its lines."""

    __slots__ = ("last", "line")

    def __init__(self, fields: dict[str, Any], line: int, last: int) -> None:
        super().__init__(fields)
        self.line = line
        self.last = last


@attrs.frozen
class BadRow:
    """Some lines that are no row, and why."""

    line: int
    last: int
    reason: str


class Lines(Iterator[str]):
    """The lines of a file as text; ``number`` counts them, and ``position`` their bytes.

    A line that is no text is a ValueError, after which the next one can be had all the same.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0
        self.position = 0

    def __next__(self) -> str:
        line = self._part()
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if len(line) > _LONGEST_LINE:
            part = line
            while part and not part.endswith(b"\n"):
                part = self._part()
            raise ValueError(f"longer than {_LONGEST_LINE:,} bytes")
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8: byte 0x{line[error.start]:02x}") from None

    def _part(self) -> bytes:
        part = self._file.readline(_LONGEST_LINE + 1)
        self.position += len(part)
        return part


def json_rows(lines: Lines) -> Iterator[Row | BadRow]:
    """Return the rows of JSON Lines; blank lines are none."""
    while True:
        try:
            text = next(lines, None)
            if text is None:
                return
            row = Row(_object(text), lines.number, lines.number) if text.strip() else None
        except ValueError as error:
            yield BadRow(lines.number, lines.number, str(error))
        else:
            if row is not None:
                yield row


def _object(text: str) -> dict[str, Any]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"not a JSON object, but {text.strip()[:40]}")
    for name in _MOMENTS:
        if isinstance(value := row.get(name), str):
            row[name] = _named(name, moment, value)
    return row


def _named(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def csv_rows(lines: Lines) -> Iterator[Row | BadRow]:
    """Return the rows of a CSV file; a ValueError at once says what is wrong with its header."""
    reader = csv.reader(lines, strict=True)
    try:
        columns = next((cells for cells in reader if cells), None)
    except csv.Error as error:
        raise ValueError(f"no CSV: {error}") from error
    if columns is None:
        raise ValueError("there is no header, which names the columns")
    _check(columns)
    return _records(reader, lines, columns)


def _check(columns: list[str]) -> None:
    for place, column in enumerate(columns):
        if column not in _FIELDS:
            close = difflib.get_close_matches(column, _FIELDS, n=1) or sorted(_FIELDS)
            which = "did you mean" if len(close) == 1 else "there are"
            raise ValueError(f"no field {column!r}; {which} {', '.join(close)}")
        if column in columns[:place]:
            raise ValueError(f"two columns are named {column}")


def _records(
    reader: Iterator[list[str]], lines: Lines, columns: list[str]
) -> Iterator[Row | BadRow]:
    while True:
        first = lines.number + 1
        try:
            cells = next(reader, None)
            if cells is None:
                return
            row = Row(_fields(columns, cells), first, lines.number) if any(cells) else None
        except (csv.Error, ValueError) as error:
            through = f" (read through line {lines.number})" if lines.number > first else ""
            yield BadRow(first, lines.number, f"{error}{through}")
        else:
            if row is not None:
                yield row


def _fields(columns: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells, where the header has {len(columns)}")
    return {
        column: _named(column, partial(value_of, _FIELDS[column]), cell)
        for column, cell in zip(columns, cells, strict=True)
        if cell
    }


FORMATS: dict[str, Callable[[Lines], Iterator[Row | BadRow]]] = {
    "jsonl": json_rows,
    "csv": csv_rows,
}
