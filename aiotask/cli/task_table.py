"""Table of tasks as text: a line for each, as wide as the terminal."""

import os
import sys
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console

_GAP = "  "
_NARROWEST = 6
_LABELS = {
    "assignment_status": "status",
    "task_channel_unique_name": "channel",
    "task_queue_friendly_name": "queue",
    "workflow_friendly_name": "workflow",
}
# A status or an age may be longer in a later page, when the columns have their widths already.
_LEAST = {"assignment_status": 9, "age": 7, "priority": 8}
_DEFAULT = (
    "sid",
    "friendly_name",
    "unique_name",
    "event_type",
    "event_date",
    "assignment_status",
    "reservation_status",
    "worker_name",
    "activity_name",
    "task_channel_unique_name",
    "available",
    "configured_capacity",
    "priority",
    "age",
    "task_queue_friendly_name",
    "target_workers",
    "description",
    "attributes",
)
_ONLY_WIDE = {"task_queue_friendly_name"}
_NOT_OF_TASKS = {"task_channel_unique_name"}
_WIDE_FROM = 100


def table_width() -> int | None:
    """Return how wide a table may be: as the terminal, or as COLUMNS says; None has no bounds."""
    return Console().width if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def default_fields(names: Sequence[str], width: int | None) -> tuple[str, ...]:
    """Return the main ones of some fields, for a table of this width."""
    left_out = _ONLY_WIDE if width is not None and width < _WIDE_FROM else set[str]()
    if "assignment_status" in names:
        left_out = left_out | _NOT_OF_TASKS
    main = tuple(name for name in _DEFAULT if name in names and name not in left_out)
    return main or tuple(names)


class TaskTable:
    """Lines of a table; the first rows decide how wide its columns are."""

    def __init__(self, fields: Sequence[str], width: int | None) -> None:
        self._fields = fields
        self._width = width
        self._widths: list[int] = []

    def lines(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield the lines of some rows, and before the first ones the header."""
        if not self._widths:
            header = [_LABELS.get(name, name) for name in self._fields]
            self._widths = self._fitting([header, *rows])
            yield self._line(header)
            yield self._line(["─" * width for width in self._widths])
        yield from map(self._line, rows)

    def _fitting(self, rows: Sequence[Sequence[str]]) -> list[int]:
        widths = [
            max(_LEAST.get(name, 0), *map(cell_len, column))
            for name, column in zip(self._fields, zip(*rows, strict=True), strict=True)
        ]
        if self._width is not None:
            # A sid that is cut is of no use; of the others the widest gives way.
            gives_way = [at for at, name in enumerate(self._fields) if not name.endswith("sid")]
            while sum(widths) + len(_GAP) * (len(widths) - 1) > self._width and gives_way:
                widest = max(gives_way, key=lambda at: widths[at])
                if widths[widest] <= _NARROWEST:
                    break
                widths[widest] -= 1
        return widths

    def _line(self, cells: Sequence[str]) -> str:
        pairs = zip(cells, self._widths, strict=True)
        line = _GAP.join(self._sized(cell, width) for cell, width in pairs).rstrip()
        return line if self._width is None else _cut(line, self._width)

    def _sized(self, cell: str, width: int) -> str:
        if self._width is not None:
            cell = _cut(cell, width)
        return cell + " " * (width - cell_len(cell))


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"
