"""Records of JSON Lines, or of one JSON array."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress
from typing import Any, Literal
from zlib import crc32

from aiotask._json import JsonSyntaxError, loads
from aiotask.cli.importing.json_array import array_elements, open_brackets
from aiotask.cli.importing.lines import (
    BYTE_ORDER_MARK,
    LONGEST_RECORD,
    OVERLONG,
    MalformedInputError,
    check_text,
    line_portions,
)
from aiotask.cli.importing.records import Frame, Put, Record, Unreadable, record_of
from aiotask.cli.importing.shape import RowShape

_LINES = Frame(b"", b"", b"")
_ARRAY = Frame(b"[\n", b",\n", b"\n]\n")
_SHOWN = 40  # characters
_NOT_LINES = (
    "a row continues in the next line; give each row its own line, or put all into one array"
)
_NEITHER = (
    "neither JSON Lines, whose rows are objects, nor a JSON array; other formats are known by the "
    "file's ending, or told by --format"
)
_FIRST_ROWS = 10  # one object among them, and the others are wrong rows
Form = Literal["jsonl", "json"]


class JsonRecords:
    """The records of a JSON text; without a *form*, its first character tells which it has.

    No row of JSON Lines begins with a bracket, because a row is an object. Blank lines are none.
    """

    header = 0

    def __init__(
        self,
        source: Iterable[bytes],
        form: Form | None = None,
        shape: RowShape | None = None,
    ) -> None:
        self._shape = RowShape() if shape is None else shape
        self._source = source
        self._form = form
        self.frame: Frame = _LINES

    def read(self, put: Put) -> None:
        """Hand over all records."""
        source, is_array = self._begin()
        if is_array:
            self.frame = _ARRAY
            self._read_array(source, put)
        else:
            self._read_lines(source, put)

    def check(self) -> None:
        """Read everything, and raise a MalformedInputError where it is not of its form."""
        source, is_array = self._begin()
        if is_array:
            for element in chain.from_iterable(array_elements(source)):
                try:
                    loads(element.text)
                except JsonSyntaxError as error:
                    raise MalformedInputError(f"{element.line}: not JSON: {error}") from error
        else:
            next(_whole_rows(line_portions(source)), None)
            for _ in source:
                pass

    def _begin(self) -> tuple[Iterator[bytes], bool]:
        """Return the whole source, and whether it is an array."""
        source, start = iter(self._source), b""
        for block in source:
            start += block
            if start.removeprefix(BYTE_ORDER_MARK).strip():
                break
        is_array = start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"[")
        source = chain([start], source) if start else source
        return source, is_array if self._form is None else self._form == "json"

    def _read_array(self, source: Iterable[bytes], put: Put) -> None:
        number = 0
        for elements in array_elements(source):
            numbers = range(number + 1, number + 1 + len(elements))
            number += len(elements)
            put(
                [
                    Record(at, first, last, text, crc32(text))
                    for at, (first, last, text) in zip(numbers, elements, strict=True)
                ]
            )

    def _read_lines(self, source: Iterable[bytes], put: Put) -> None:
        number = line = 0
        for portion in _whole_rows(line_portions(source)):
            texts = [*map(bytes.rstrip, portion)]
            lines: Sequence[int] = range(line + 1, line + 1 + len(texts))
            line += len(texts)
            if not all(texts):
                lines, texts = [*compress(lines, texts)], [*filter(None, texts)]
            numbers = range(number + 1, number + 1 + len(texts))
            number += len(texts)
            prints = map(crc32, texts)
            made = [*map(record_of, zip(numbers, lines, lines, texts, prints, strict=True))]
            if made and len(texts[0]) > LONGEST_RECORD:
                made[0] = made[0]._replace(content=Unreadable(OVERLONG, b""))
            if made:
                put(made)

    def fields(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record."""
        return self._shape.fields(self._row(record), cells=False)

    def key(self, record: Record) -> Any:
        """Return the value of the key column."""
        return self._shape.key(self._row(record))

    def _row(self, record: Record) -> dict[str, Any]:
        text = record.content
        if not isinstance(text, bytes):
            raise ValueError(OVERLONG)
        try:
            row = loads(text)
        except JsonSyntaxError as error:
            check_text(text)
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"not a JSON object, but {text.decode().strip()[:_SHOWN]}")
        return row

    def raw(self, record: Record) -> bytes:
        """Return a record as it came."""
        text = record.content if isinstance(record.content, bytes) else b""
        return text if self.frame is _ARRAY or not text else text + b"\n"


def _whole_rows(portions: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield *portions*; raise an error if they are no JSON Lines, by the first rows.

    Another text would be nothing but wrong rows, and so would pretty-printed objects, or some of
    them rows by chance. A row that is only cut off is followed by an object.
    """
    held: list[list[bytes]] = []
    rows: list[bytes] = []
    for portion in portions:
        held.append(portion)
        rows += [line for line in portion if line.strip()][: _FIRST_ROWS - len(rows)]
        if _are_lines(rows):
            break
    else:
        if rows and not any(map(_begins_as_object, rows)):
            raise MalformedInputError(f"1: {_NEITHER}")
    yield from held
    yield from portions


def _are_lines(rows: list[bytes]) -> bool:
    """Whether rows are of JSON Lines for certain; raise an error if they certainly are not."""
    if rows and _continues(rows[0]):
        if len(rows) > 1 and (rows[0].strip() == b"[" or not _is_object(rows[1])):
            raise MalformedInputError(f"1: {_NOT_LINES}")
        return len(rows) > 1
    if any(map(_begins_as_object, rows)):
        return True
    if len(rows) == _FIRST_ROWS:
        raise MalformedInputError(f"1: {_NEITHER}")
    return False


def _begins_as_object(row: bytes) -> bool:
    return row.lstrip().startswith(b"{")


def _continues(row: bytes) -> bool:
    return row.lstrip()[:1] in {b"{", b"["} and open_brackets(row) > 0


def _is_object(row: bytes) -> bool:
    try:
        return isinstance(loads(row), dict)
    except JsonSyntaxError:
        return False
