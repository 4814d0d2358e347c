"""Records of CSV with a header; rows without any text are none."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from itertools import chain, islice, repeat
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
from aiotask.cli.importing.records import Frame, Put, Record, Unreadable, record_of
from aiotask.cli.importing.shape import RowShape

_ESCAPED = "surrogateescape"  # bytes that are not UTF-8 pass as characters that no text can hold
_DELIMITERS = ",;\t|"
_LONGEST_HEADER = 4096  # bytes that the delimiter is found in
_OVERLONG_MARK = b"\xff\xfe\xff overlong"  # replaces a line, and is not UTF-8 itself


class CsvRecords:
    """The records of a CSV text; a MalformedInputError at once says what its header lacks.

    Without a *delimiter*, the header tells which one it is.
    """

    def __init__(
        self, source: Iterable[bytes], delimiter: str | None = None, shape: RowShape | None = None
    ) -> None:
        self._shape = RowShape() if shape is None else shape
        portions, header = _up_to_header(line_portions(source))
        self._kept = _KeptLines()
        self._before_read: Callable[[], None] = lambda: None
        self.delimiter: str = delimiter or _sniffed(header)
        texts = chain.from_iterable(self._texts(portions))
        self._reader = csv.reader(texts, delimiter=self.delimiter, strict=True)
        try:
            self._columns = self._header()
        except (csv.Error, ValueError) as error:
            raise MalformedInputError(f"{max(self._reader.line_num, 1)}: {error}") from error
        self.header: int = self._reader.line_num
        self.frame: Frame = Frame(self._written(self._columns), b"", b"")
        self._seed = crc32(_joined(self._columns))

    def check(self) -> None:
        """Read nothing more: the header is checked, and each row is wrong on its own."""

    def _texts(self, portions: Iterable[list[bytes]]) -> Iterator[Iterable[str]]:
        """Yield lines as text, as many at once as are ready."""
        for portion in portions:
            if len(portion[0]) > LONGEST_RECORD:
                portion[0] = _OVERLONG_MARK
            self._kept.add(portion)
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
        _check("".join(columns))
        self._shape.check_columns(columns)
        return columns

    def read(self, put: Put) -> None:
        """Hand over all records."""
        number, last, reader, ended = 0, self.header, self._reader, False
        rows: list[list[str]] = []
        firsts: list[int] = []
        lasts: list[int] = []

        def hand_over() -> None:
            nonlocal number
            self._kept.drop(last)
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
                content = Unreadable(str(error), self._kept.lines(first, last))
                put([Record(number, first, last, content, crc32(_joined(str(error))))])
        hand_over()

    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record."""
        try:
            return self._shape.fields(self._row(record.content), cells=True)
        except ValueError as error:
            if record.last == record.line:
                raise
            raise ValueError(f"{error} (read through line {record.last})") from error

    def key(self, record: Record) -> Any:
        """Return the cell of the key column."""
        return self._shape.key(self._row(record.content))

    def raw(self, record: Record) -> bytes:
        """Return a record as it came."""
        if isinstance(record.content, list):
            return self._written(record.content)
        return record.content.raw if isinstance(record.content, Unreadable) else b""

    def _written(self, cells: list[str]) -> bytes:
        text = StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        written = _encoded(text.getvalue())
        return b"" if _OVERLONG_MARK in written else written

    def _row(self, cells: bytes | list[str] | Unreadable) -> dict[str, Any]:
        if not isinstance(cells, list):
            raise ValueError(cells.reason if isinstance(cells, Unreadable) else OVERLONG)
        if len(cells) != len(self._columns):
            raise ValueError(f"{len(cells)} cells, but the header has {len(self._columns)}")
        _check("".join(cells))
        return {name: cell for name, cell in zip(self._columns, cells, strict=True) if cell}


class _KeptLines:
    """The last lines that were read: a row that is not CSV is written out as it came."""

    def __init__(self) -> None:
        self._portions: deque[list[bytes]] = deque()
        self._line = 1  # of the first one

    def add(self, portion: list[bytes]) -> None:
        self._portions.append(portion)

    def drop(self, last: int) -> None:
        """Drop portions that end with the line *last* or before."""
        while self._portions and self._line + len(self._portions[0]) - 1 <= last:
            self._line += len(self._portions.popleft())

    def lines(self, first: int, last: int) -> bytes:
        """Return the lines from *first* to *last*."""
        lines = chain.from_iterable(self._portions)
        wanted = islice(lines, first - self._line, last - self._line + 1)
        return b"".join(line + b"\n" for line in wanted)


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
