"""How far a run of creates has come, and what it says at the end; counts, and prints nothing."""

import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from aiotask.bulk import Created, JournalSummary, Outcome, Rejected, State

Fate = Literal["created", "rejected", "unresolved"]
_OF_LATE = 10.0  # seconds


class Tally:
    """Counts the rows of a job by how they ended, those of *earlier* runs among them.

    ``last_line`` is the last one of an input that belongs to a row that has ended.
    """

    def __init__(self, earlier: JournalSummary | None = None) -> None:
        rows: dict[State, int] = {} if earlier is None else earlier.rows
        self.created = rows.get(State.CREATED, 0)
        self.rejected = rows.get(State.REJECTED, 0)
        self.unresolved = rows.get(State.UNRESOLVED, 0)
        self.earlier = self.rows
        self.last_line = 0
        self._began = time.monotonic()
        self._looks = deque([(self._began, self.rows)])

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
    def of_this_run(self) -> int:
        """How many of them have ended in this run."""
        return self.rows - self.earlier

    @property
    def all_created(self) -> bool:
        """Whether no row ended in another way."""
        return self.rows == self.created

    def rate_of_late(self) -> float:
        """Return how many rows ended a second, since the looks of the last ten seconds."""
        now = time.monotonic()
        self._looks.append((now, self.rows))
        while len(self._looks) > 2 and now - self._looks[0][0] > _OF_LATE:  # noqa: PLR2004 - a span
            self._looks.popleft()
        since, rows = self._looks[0]
        return (self.rows - rows) / max(now - since, 1e-9)

    def time_left(self, rate: float, lines: int | None) -> float | None:
        """Return how many seconds it takes to the end of so many lines, if that can be told."""
        if lines is None or rate <= 0 or not self.last_line:
            return None
        return self.rows * (lines / self.last_line - 1) / rate

    def ended(self) -> str:
        """Return the counts so far."""
        return (
            f"{self.created:,} created, {self.rejected:,} rejected, {self.unresolved:,} unresolved"
        )

    def summary(self, in_doubt: int = 0) -> str:
        """Return the line that a run ends with."""
        seconds = time.monotonic() - self._began
        doubt = f", {in_doubt:,} in doubt" if in_doubt else ""
        here = f"; {self.of_this_run:,} of them in this run," if self.earlier else ""
        pace = f"in {seconds:.1f} s ({self.of_this_run / max(seconds, 1e-9):,.0f}/s)"
        return f"{self.rows:,} rows: {self.ended()}{doubt}{here} {pace}"


def spans(lines: Iterable[int]) -> str:
    """Return lines as a short text: ``3, 5-9``."""
    found: list[list[int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found)


def counts(standing: JournalSummary) -> str:
    """Return the rows of a job by where they stand."""
    rows = standing.rows
    named = {
        "created": standing.created,
        "rejected": rows[State.REJECTED],
        "unresolved": rows[State.UNRESOLVED],
    }
    more = {"in doubt": standing.in_doubt, "waiting": rows[State.PENDING]}
    named |= {name: count for name, count in more.items() if count}
    told = ", ".join(f"{count:,} {name}" for name, count in named.items())
    return f"{standing.claimed:,} rows: {told}"


def moment_text(seconds: float) -> str:
    """Return a moment, given in seconds since 1970, as a date and time of here."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(" ", "seconds")
