"""How far a run of creates has come, and what it says at the end; counts, and prints nothing."""

import time
from collections.abc import Iterable
from typing import Any, Literal

from aiotask.bulk import Created, Outcome, Rejected

Fate = Literal["created", "rejected", "unresolved"]


class Tally:
    """Counts the rows of a run by how they ended, and knows those that are under way."""

    def __init__(self) -> None:
        self.created = 0
        self.rejected = 0
        self.unresolved = 0
        self.under_way: set[int] = set()
        self.last_line = 0
        self._began = time.monotonic()

    def count(self, outcome: Outcome[Any]) -> Fate:
        """Count an outcome, and return which it is."""
        match outcome:
            case Created():
                self.created += 1
                return "created"
            case Rejected():
                self.rejected += 1
                return "rejected"
        self.unresolved += 1
        return "unresolved"

    @property
    def rows(self) -> int:
        """How many rows have ended."""
        return self.created + self.rejected + self.unresolved

    @property
    def all_created(self) -> bool:
        """Whether no row ended in another way."""
        return self.rows == self.created

    @property
    def rate(self) -> float:
        """Rows that ended, a second."""
        return self.rows / max(time.monotonic() - self._began, 1e-9)

    def ended(self) -> str:
        """Return the counts so far."""
        return (
            f"{self.created:,} created, {self.rejected:,} rejected, {self.unresolved:,} unresolved"
        )

    def summary(self) -> str:
        """Return the line that a run ends with."""
        seconds = time.monotonic() - self._began
        return f"{self.rows:,} rows: {self.ended()} in {seconds:.1f} s ({self.rate:,.0f}/s)"


def spans(lines: Iterable[int]) -> str:
    """Return lines as a short text: ``3, 5-9``."""
    found: list[list[int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found)
