"""Writers of resources to standard output: JSON Lines, CSV or a table."""

import csv
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

import attrs
import click
from rich.console import Console
from rich.table import Table

from aiotask._checks import printable
from aiotask._decoding import to_dict
from aiotask._json import dumps
from aiotask.cli.task_table import TaskTable, default_fields, table_width

_WIDER_THAN_ANY_ROW = 100_000


def shown_fields(resource: type) -> tuple[str, ...]:
    """Return the fields of a row of a list, which has no ETag."""
    return tuple(field.name for field in _declared(resource) if not field.metadata)


def _declared(resource: type) -> "tuple[attrs.Attribute[Any], ...]":
    return attrs.fields(resource)  # type: ignore[no-any-return]  # every resource is one of attrs


class Writer(Protocol):
    """A format of a list."""

    def write(self, found: Sequence[Any]) -> None:
        """Write the next resources."""

    def finish(self) -> None:
        """Write the end of the list."""


def write_one(resource: Any) -> None:
    """Write one resource as JSON, with its ETag where its kind has one."""
    tags = {field.name for field in _declared(type(resource)) if field.metadata}
    document = _document(resource) | {name: getattr(resource, name) for name in tags}
    output = sys.stdout.buffer
    output.write(dumps(document) + b"\n")
    output.flush()


def _document(resource: Any) -> dict[str, Any]:
    return to_dict(resource, decoded=True)


class _JsonLines:
    def __init__(self, _: type, fields: Sequence[str] | None) -> None:
        self._fields = fields
        self._output = sys.stdout.buffer

    def write(self, found: Sequence[Any]) -> None:
        self._output.writelines(dumps(self._row(each)) + b"\n" for each in found)
        self._output.flush()

    def _row(self, resource: Any) -> dict[str, Any]:
        row = _document(resource)
        return row if self._fields is None else {name: row[name] for name in self._fields}

    def finish(self) -> None:
        """Do nothing: every line is written already."""


class _Utf8:
    """Text file that writes UTF-8, whatever the terminal's encoding."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def write(self, text: str) -> int:
        return self._output.write(text.encode())


class _Csv:
    def __init__(self, resource: type, fields: Sequence[str] | None) -> None:
        self._fields = shown_fields(resource) if fields is None else fields
        self._output = sys.stdout.buffer
        self._writer = csv.writer(_Utf8(self._output), lineterminator="\n")
        self._writer.writerow(self._fields)

    def write(self, found: Sequence[Any]) -> None:
        self._writer.writerows(_cells(each, self._fields) for each in found)
        self._output.flush()

    def finish(self) -> None:
        """Flush the header of an empty list."""
        self._output.flush()


class _Table:
    def __init__(self, resource: type, fields: Sequence[str] | None) -> None:
        width = table_width()
        self._fields = default_fields(shown_fields(resource), width) if fields is None else fields
        self._table = TaskTable(self._fields, width)

    def write(self, found: Sequence[Any]) -> None:
        rows = [[*map(printable, _cells(each, self._fields))] for each in found]
        if rows:  # an empty page comes before others now and then
            self._echo(rows)

    def finish(self) -> None:
        """Write the header of an empty list."""
        self._echo([])

    def _echo(self, rows: Sequence[Sequence[str]]) -> None:
        for line in self._table.lines(rows):
            click.echo(line)


def _cells(resource: Any, fields: Sequence[str]) -> list[str]:
    row = to_dict(resource)
    return [_cell(row[name]) for name in fields]


def show_table(table: Table) -> None:
    """Show a table on standard output, as wide as it needs unless that is a terminal."""
    terminal = sys.stdout.isatty()
    Console(width=None if terminal else _WIDER_THAN_ANY_ROW, markup=False, emoji=False).print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return dumps(value).decode()
    return str(value)


WRITERS: dict[str, Callable[[type, Sequence[str] | None], Writer]] = {
    "jsonl": _JsonLines,
    "csv": _Csv,
    "table": _Table,
}
