"""Writers of tasks to standard output: JSON Lines, CSV or a table."""

import csv
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

import click
from rich.console import Console
from rich.table import Table

from aiotask._checks import printable
from aiotask._decoding import to_dict
from aiotask._json import dumps
from aiotask.cli.task_table import TaskTable, default_fields, table_width
from aiotask.taskrouter import Task

# A row of a list has no ETag.
TASK_FIELDS = tuple(to_dict(Task(sid="")))
_WIDER_THAN_ANY_ROW = 100_000


class Writer(Protocol):
    """A format of a list of tasks."""

    def write(self, tasks: Sequence[Task]) -> None:
        """Write the next tasks."""

    def finish(self) -> None:
        """Write the end of the list."""


def write_task(task: Task) -> None:
    """Write one task as JSON, with its ETag."""
    output = sys.stdout.buffer
    output.write(dumps(_document(task) | {"etag": task.etag}) + b"\n")
    output.flush()


def _document(task: Task) -> dict[str, Any]:
    return to_dict(task, decoded=True)


class _JsonLines:
    def __init__(self, fields: Sequence[str] | None) -> None:
        self._fields = fields
        self._output = sys.stdout.buffer

    def write(self, tasks: Sequence[Task]) -> None:
        self._output.writelines(dumps(self._row(task)) + b"\n" for task in tasks)
        self._output.flush()

    def _row(self, task: Task) -> dict[str, Any]:
        row = _document(task)
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
    def __init__(self, fields: Sequence[str] | None) -> None:
        self._fields = TASK_FIELDS if fields is None else fields
        self._output = sys.stdout.buffer
        self._writer = csv.writer(_Utf8(self._output), lineterminator="\n")
        self._writer.writerow(self._fields)

    def write(self, tasks: Sequence[Task]) -> None:
        self._writer.writerows(_cells(task, self._fields) for task in tasks)
        self._output.flush()

    def finish(self) -> None:
        """Flush the header of an empty list."""
        self._output.flush()


class _Table:
    def __init__(self, fields: Sequence[str] | None) -> None:
        width = table_width()
        self._fields = default_fields(width) if fields is None else fields
        self._table = TaskTable(self._fields, width)

    def write(self, tasks: Sequence[Task]) -> None:
        rows = [[*map(printable, _cells(task, self._fields))] for task in tasks]
        if rows:  # an empty page comes before others now and then
            self._echo(rows)

    def finish(self) -> None:
        """Write the header of an empty list."""
        self._echo([])

    def _echo(self, rows: Sequence[Sequence[str]]) -> None:
        for line in self._table.lines(rows):
            click.echo(line)


def _cells(task: Task, fields: Sequence[str]) -> list[str]:
    row = to_dict(task)
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
        case dict():
            return dumps(value).decode()
    return str(value)


WRITERS: dict[str, Callable[[Sequence[str] | None], Writer]] = {
    "jsonl": _JsonLines,
    "csv": _Csv,
    "table": _Table,
}
