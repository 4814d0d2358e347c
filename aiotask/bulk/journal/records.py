"""What a journal knows of rows: where each stands, and where the job does."""

from enum import IntEnum
from typing import NamedTuple

import attrs


class State(IntEnum):
    """Where a row stands; the last three are final."""

    PENDING = 0  # claimed, and certainly nothing came of it
    IN_FLIGHT = 1  # it may have been sent: in doubt when the journal is opened
    UNCONFIRMED = 2  # carried out, by an answer that names no sid
    UNTOLD = 3  # created, and the caller was not told
    CREATED = 4
    REJECTED = 5
    UNRESOLVED = 6


STATES = {state.value: state for state in State}


class Claim(NamedTuple):
    """A row that is taken from the input; *print* tells whether that still has it."""

    number: int
    state: State
    print: int | None
    place: int | None
    sent: float | None
    key: str | None


class End(NamedTuple):
    """What became of a row."""

    state: State
    sid: str | None
    error: str | None
    number: int


class Entry(NamedTuple):
    """A row as the journal has it; *sent* is by the service's clock, in seconds since 1970."""

    number: int
    state: State
    print: int | None
    place: int | None
    sent: float | None
    key: str | None
    sid: str | None
    error: str | None


@attrs.frozen
class JournalSummary:
    """Where a job stands: its rows by state, and what it was begun with."""

    job: str
    target: str
    key_attribute: str | None
    named: bool
    begun: float
    rows: dict[State, int]
    running: bool

    @property
    def claimed(self) -> int:
        """How many rows were taken from the input."""
        return sum(self.rows.values())

    @property
    def in_doubt(self) -> int:
        """How many rows may have been sent, and wait for a look."""
        return self.rows[State.IN_FLIGHT] + self.rows[State.UNCONFIRMED]

    @property
    def created(self) -> int:
        """How many rows became a task."""
        return self.rows[State.CREATED] + self.rows[State.UNTOLD]
