"""A recount: what an import said of its rows, held against the tasks that there are."""

from collections import Counter
from collections.abc import Mapping

import attrs
from rich.table import Table

from aiotask.cli.importing.counts import Fate

# How many tasks a row may have in the end.
_MOST: Mapping[Fate | None, int] = {"created": 1, "rejected": 0, "unresolved": 1, None: 0}


@attrs.frozen
class Recount:
    """What a run said of each of its *rows*, held against the tasks that there are afterwards."""

    rows: int
    fates: Mapping[int, Fate]
    held: Counter[int]

    @property
    def lost(self) -> int:
        """Rows without an outcome, and rows said to be created that are nowhere."""
        created = sum(fate == "created" and not self.held[row] for row, fate in self.fates.items())
        return self.rows - len(self.fates) + created

    @property
    def surplus(self) -> int:
        """Tasks that are there twice, or that should not be there at all."""
        return sum(max(0, count - _MOST[self.fates.get(row)]) for row, count in self.held.items())

    def table(self) -> Table:
        """Return the tally, beside what was found."""
        table = Table("rows", "said", "found as tasks")
        said = Counter(self.fates.values())
        for fate in ("created", "rejected", "unresolved"):
            found = sum(self.held[row] for row, known in self.fates.items() if known == fate)
            table.add_row(fate, f"{said[fate]:,}", f"{found:,}")
        table.add_section()
        table.add_row("all", f"{self.rows:,}", f"{self.held.total():,}")
        for column in table.columns[1:]:
            column.justify = "right"
        return table

    def verdict(self) -> str:
        """Return what the recount comes to."""
        if not self.lost and not self.surplus:
            return "Recounted in the sandbox: no row lost, none twice."
        return (
            f"Recounted in the sandbox: {self.lost:,} rows lost, {self.surplus:,} tasks too many."
        )
