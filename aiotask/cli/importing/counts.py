"""Counts of an import's rows, and the texts that report them."""

import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from aiotask.bulk import (
    AnyOutcome,
    Created,
    Deleted,
    Existing,
    JournalSummary,
    Rejected,
    State,
    Unchanged,
    Unresolved,
    Updated,
)
from aiotask.bulk.journal.records import CHANGED

Fate = Literal["created", "existing", "updated", "unchanged", "deleted", "rejected", "unresolved"]
_RATE_WINDOW = 10.0  # seconds
_FAILED: tuple[Fate, ...] = ("rejected", "unresolved")

IMPORT = "tasks.create"
"""The verb of an import's journal."""

_FATES: dict[State, Fate] = {
    State.CREATED: "created",
    State.EXISTING: "existing",
    State.UPDATED: "updated",
    State.UNCHANGED: "unchanged",
    State.DELETED: "deleted",
    State.REJECTED: "rejected",
    State.UNRESOLVED: "unresolved",
}
_OUTCOMES: dict[type, Fate] = {
    Created: "created",
    Existing: "existing",
    Updated: "updated",
    Unchanged: "unchanged",
    Deleted: "deleted",
    Rejected: "rejected",
    Unresolved: "unresolved",
}


def fate_of(state: State, error: str | None) -> Fate | None:
    """Return what became of a row in a journal, None for one that has no end yet."""
    if state is State.UNDELIVERED:
        for kind, fate in _OUTCOMES.items():
            if kind.__name__ == error:
                return fate
        return "created"
    return _FATES.get(state)


class Counts:
    """Rows of a job by outcome, including those of *earlier* runs; *usual* ones are always named.

    ``last_line`` is the last line of the input that belongs to a finished row.
    """

    def __init__(
        self, earlier: JournalSummary | None = None, usual: tuple[Fate, ...] = ("created",)
    ) -> None:
        rows: dict[State, int] = {} if earlier is None else earlier.rows
        self._rows: dict[Fate, int] = {fate: rows.get(state, 0) for state, fate in _FATES.items()}
        self._usual = (*usual, *_FAILED)
        self.earlier: int = self.rows
        self.last_line = 0
        self._started_at = time.monotonic()
        self._samples = deque([(self._started_at, self.rows)])

    def count(self, outcome: AnyOutcome[Any]) -> Fate:
        """Count an outcome and return its kind."""
        fate = _OUTCOMES[type(outcome)]
        self._rows[fate] += 1
        return fate

    @property
    def rows(self) -> int:
        """Finished rows."""
        return sum(self._rows.values())

    @property
    def of_this_run(self) -> int:
        """Rows that finished in this run."""
        return self.rows - self.earlier

    @property
    def all_done(self) -> bool:
        """Whether no finished row has failed."""
        return not any(self._rows[fate] for fate in _FAILED)

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
        counts = self._rows.items()
        return ", ".join(f"{n:,} {fate}" for fate, n in counts if n or fate in self._usual)

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
        existing = summary.rows[State.EXISTING]
        done = {"created": summary.created - existing}
        return done | ({"existing": existing} if existing else {})
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
