"""Records of a journal: claims, ends, entries, and the summary of a job."""

from enum import IntEnum
from typing import NamedTuple

import attrs


class State(IntEnum):
    """The state of a row; those from CREATED on are final."""

    PENDING = 0
    """Claimed, and certainly without effect so far."""
    IN_FLIGHT = 1
    """Sent, perhaps: in doubt when the journal is opened."""
    ACCEPTED_WITHOUT_SID = 2
    """Carried out, by an answer that names no sid."""
    UNDELIVERED = 3
    """Carried out, and the caller does not have the outcome yet; the error names its class."""
    CREATED = 4
    REJECTED = 5
    UNRESOLVED = 6
    EXISTING = 7
    """Not sent: its key names a resource already."""
    UPDATED = 8
    UNCHANGED = 9
    DELETED = 10


STATES = {state.value: state for state in State}
CHANGED = (State.UPDATED, State.UNCHANGED, State.DELETED)


class Claim(NamedTuple):
    """A row that is taken from the input; *fingerprint* tells later whether that still has it."""

    number: int
    state: State
    fingerprint: int | None
    source_line: int | None
    sent_at: float | None
    key: str | None


class End(NamedTuple):
    """A new state of a claimed row."""

    state: State
    sid: str | None
    error: str | None
    number: int


class Entry(NamedTuple):
    """A row in the journal; *sent_at* is by the service's clock, in seconds since 1970."""

    number: int
    state: State
    fingerprint: int | None
    source_line: int | None
    sent_at: float | None
    key: str | None
    sid: str | None
    error: str | None


@attrs.frozen
class JournalSummary:
    """The progress of a job: its rows by state, and the settings that it was begun with."""

    job: str
    """Name of the job."""
    target: str
    """Where its rows go: the path in the API."""
    verb: str
    """What is done with its rows, such as create."""
    key_attribute: str | None
    """Attribute that holds the keys, None where tasks have none."""
    has_row_key: bool
    """Whether keys come from the rows themselves."""
    started_at: float
    """When it began, in seconds since 1970."""
    rows: dict[State, int]
    """Numbers of its rows, by state."""
    running: bool
    """Whether a run works on it now."""

    @property
    def claimed(self) -> int:
        """The number of rows taken from the input."""
        return sum(self.rows.values())

    @property
    def in_doubt(self) -> int:
        """The number of rows that may have been sent and wait to be looked for."""
        return self.rows[State.IN_FLIGHT] + self.rows[State.ACCEPTED_WITHOUT_SID]

    @property
    def created(self) -> int:
        """The number of rows that became a resource, or whose key named one already."""
        states = (State.CREATED, State.UNDELIVERED, State.EXISTING)
        return sum(self.rows[state] for state in states)

    @property
    def done(self) -> int:
        """The number of rows that were carried out, or had nothing left to do."""
        return self.created + sum(self.rows[state] for state in CHANGED)
