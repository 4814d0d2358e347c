"""Check of the demo: the outcomes that the import wrote, compared with the sandbox's tasks."""

from collections import Counter
from collections.abc import Mapping

import attrs
from rich.table import Table

from aiotask.cli.importing.counts import Fate

# Tasks that a row may have at the end.
_MOST: Mapping[Fate | None, int] = {"created": 1, "rejected": 0, "unresolved": 1, None: 0}


@attrs.frozen
class DemoCheck:
    """Number of *rows*, the outcome of each by its number, and how many tasks each has."""

    rows: int
    outcomes: Mapping[int, Fate]
    tasks: Counter[int]

    @property
    def lost(self) -> int:
        """Rows without an outcome, and rows reported as created that have no task."""
        missing = sum(
            outcome == "created" and not self.tasks[row] for row, outcome in self.outcomes.items()
        )
        return self.rows - len(self.outcomes) + missing

    @property
    def surplus(self) -> int:
        """Tasks beyond those that a row's outcome allows."""
        return sum(
            max(0, count - _MOST[self.outcomes.get(row)]) for row, count in self.tasks.items()
        )

    def table(self) -> Table:
        """Return the reported outcomes beside the tasks found."""
        table = Table("rows", "reported", "tasks found")
        reported = Counter(self.outcomes.values())
        for fate in ("created", "rejected", "unresolved"):
            found = sum(self.tasks[row] for row, known in self.outcomes.items() if known == fate)
            table.add_row(fate, f"{reported[fate]:,}", f"{found:,}")
        table.add_section()
        table.add_row("all", f"{self.rows:,}", f"{self.tasks.total():,}")
        for column in table.columns[1:]:
            column.justify = "right"
        return table

    def verdict(self) -> str:
        """Return the result in one sentence."""
        if not self.lost and not self.surplus:
            return "Counted in the sandbox: no row lost, none twice."
        return f"Counted in the sandbox: {self.lost:,} rows lost, {self.surplus:,} tasks too many."
