"""Writers of tasks to standard output: JSON Lines, CSV or a table."""

import csv
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

import attrs
from rich.console import Console
from rich.table import Table

from aiotask._decoding import JsonText, to_dict
from aiotask._json import dumps
from aiotask.cli.errors import printable
from aiotask.taskrouter import Task

_FIELDS = attrs.fields(Task)
_JSON_FIELDS = [field.name for field in _FIELDS if field.type == JsonText]
_IN_TABLE = (
    "sid",
    "assignment_status",
    "priority",
    "age",
    "task_queue_friendly_name",
    "date_created",
    "attributes",
)
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
    return to_dict(task) | {name: getattr(task, name) for name in _JSON_FIELDS}


class _JsonLines:
    def __init__(self) -> None:
        self._output = sys.stdout.buffer

    def write(self, tasks: Sequence[Task]) -> None:
        self._output.writelines(dumps(_document(task)) + b"\n" for task in tasks)
        self._output.flush()

    def finish(self) -> None:
        """Do nothing: every line is written already."""


class _Utf8:
    """Text file that writes UTF-8, whatever the terminal's encoding."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def write(self, text: str) -> int:
        return self._output.write(text.encode())


class _Csv:
    def __init__(self) -> None:
        self._output = sys.stdout.buffer
        self._writer = csv.writer(_Utf8(self._output), lineterminator="\n")
        self._writer.writerow(to_dict(Task(sid="")))

    def write(self, tasks: Sequence[Task]) -> None:
        self._writer.writerows(map(_cell, to_dict(task).values()) for task in tasks)
        self._output.flush()

    def finish(self) -> None:
        """Flush the header of an empty list."""
        self._output.flush()


class _Table:
    def __init__(self) -> None:
        self._table = Table()
        for name in _IN_TABLE:
            self._table.add_column(name.replace("_", " "), no_wrap=name == "sid")

    def write(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            cells = to_dict(task)
            self._table.add_row(*(printable(_cell(cells[name])) for name in _IN_TABLE))

    def finish(self) -> None:
        """Show the table: its columns' widths are known only now."""
        show_table(self._table)


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


WRITERS: dict[str, Callable[[], Writer]] = {"jsonl": _JsonLines, "csv": _Csv, "table": _Table}
