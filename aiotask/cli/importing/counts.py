"""Counts of an import's rows, and the texts that report them."""

import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from aiotask.bulk import Created, JournalSummary, Outcome, Rejected, State
from aiotask.bulk.journal.records import CHANGED

Fate = Literal["created", "rejected", "unresolved"]
_RATE_WINDOW = 10.0  # seconds

IMPORT = "tasks.create"
"""The verb of an import's journal."""


class Counts:
    """Rows of a job by outcome, including those of *earlier* runs.

    ``last_line`` is the last line of the input that belongs to a finished row.
    """

    def __init__(self, earlier: JournalSummary | None = None) -> None:
        rows: dict[State, int] = {} if earlier is None else earlier.rows
        self.created: int = rows.get(State.CREATED, 0)
        self.rejected: int = rows.get(State.REJECTED, 0)
        self.unresolved: int = rows.get(State.UNRESOLVED, 0)
        self.earlier: int = self.rows
        self.last_line = 0
        self._started_at = time.monotonic()
        self._samples = deque([(self._started_at, self.rows)])

    def count(self, outcome: Outcome[Any]) -> Fate:
        """Count an outcome and return its kind."""
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
        """Finished rows."""
        return self.created + self.rejected + self.unresolved

    @property
    def of_this_run(self) -> int:
        """Rows that finished in this run."""
        return self.rows - self.earlier

    @property
    def all_created(self) -> bool:
        """Whether every finished row was created."""
        return self.rows == self.created

    def recent_rate(self) -> float:
        """Return the rows finished per second, over the calls of the last ten seconds."""
        now = time.monotonic()
        self._samples.append((now, self.rows))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_WINDOW:  # noqa: PLR2004 - a span
            self._samples.popleft()
        since, rows = self._samples[0]
        return (self.rows - rows) / max(now - since, 1e-9)

    def time_left(self, rate: float, lines: int | None) -> float | None:
        """Return the seconds until all *lines* are done, or None if that is unknown."""
        if lines is None or rate <= 0 or not self.last_line:
            return None
        return self.rows * (lines / self.last_line - 1) / rate

    def text(self) -> str:
        """Return the counts so far."""
        return (
            f"{self.created:,} created, {self.rejected:,} rejected, {self.unresolved:,} unresolved"
        )

    def summary(self, in_doubt: int = 0) -> str:
        """Return the summary line of a run."""
        seconds = time.monotonic() - self._started_at
        doubt = f", {in_doubt:,} in doubt" if in_doubt else ""
        here = f"; {self.of_this_run:,} of them in this run," if self.earlier else ""
        pace = f"in {seconds:.1f} s ({self.of_this_run / max(seconds, 1e-9):,.0f}/s)"
        return f"{self.rows:,} rows: {self.text()}{doubt}{here} {pace}"


def spans(lines: Iterable[int]) -> str:
    """Return line numbers as ranges: ``3, 5-9``."""
    found: list[list[int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found)


def _done(summary: JournalSummary) -> dict[str, int]:
    """Return the rows that are done, by what became of them."""
    if summary.verb == IMPORT:
        return {"created": summary.created}
    done = {state.name.lower(): summary.rows[state] for state in (State.CREATED, *CHANGED)}
    done["not delivered"] = summary.rows[State.UNDELIVERED]
    return {name: count for name, count in done.items() if count}


def row_counts(summary: JournalSummary) -> str:
    """Return the rows of a job by state."""
    rows = summary.rows
    named = {
        **_done(summary),
        "rejected": rows[State.REJECTED],
        "unresolved": rows[State.UNRESOLVED],
    }
    more = {"in doubt": summary.in_doubt, "waiting": rows[State.PENDING]}
    named |= {name: count for name, count in more.items() if count}
    by_state = ", ".join(f"{count:,} {name}" for name, count in named.items())
    return f"{summary.claimed:,} rows: {by_state}"


def moment_text(seconds: float) -> str:
    """Return a moment, in seconds since 1970, as local date and time."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(" ", "seconds")


def resume_message(earlier: JournalSummary) -> str:
    """Return the line that says which job is resumed."""
    return f"resuming the job of {moment_text(earlier.started_at)}: {row_counts(earlier)}"
