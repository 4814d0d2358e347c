"""Outcomes of the rows of a bulk run."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from aiotask.bulk.item import Item
from aiotask.bulk.journal.records import State
from aiotask.errors import AiotaskError

Row = TypeVar("Row")


@attrs.frozen
class Created(Generic[Row]):
    """The row became the resource *sid*."""

    row: Row
    """The row, the very object that was given."""
    sid: str
    """SID of its resource."""


@attrs.frozen
class Existing(Created[Row]):
    """The row's key names the resource *sid* already, which an earlier job created."""


@attrs.frozen
class Updated(Generic[Row]):
    """The resource *sid* is as the row wants it, by a request that was sent for the row."""

    row: Row
    """The row, the very object that was given."""
    sid: str
    """SID of its resource."""


@attrs.frozen
class Unchanged(Generic[Row]):
    """The resource *sid* was as the row wants it already, and nothing was sent to change it."""

    row: Row
    """The row, the very object that was given."""
    sid: str
    """SID of its resource."""


@attrs.frozen
class Deleted(Generic[Row]):
    """The service has no resource *sid* any more, whoever deleted it, or since it has ended."""

    row: Row
    """The row, the very object that was given."""
    sid: str
    """SID of its resource."""


@attrs.frozen
class Rejected(Generic[Row]):
    """The row certainly had no effect; *error* is the reason, and sending it again is in vain.

    A TypeError or ValueError was found before anything was sent.
    """

    row: Row
    """The row, the very object that was given."""
    error: Exception
    """Reason for it."""


@attrs.frozen
class Unresolved(Generic[Row]):
    """The row was sent, and its effect cannot be found out; *error* is the last failure."""

    row: Row
    """The row, the very object that was given."""
    error: Exception
    """Last failure of it."""


Outcome = Created[Row] | Rejected[Row] | Unresolved[Row]
AnyOutcome = Outcome[Row] | Updated[Row] | Unchanged[Row] | Deleted[Row]
"""The outcome of a row of any verb; that of a creation is an Outcome."""

Effect = type[Created[Any] | Updated[Any] | Unchanged[Any] | Deleted[Any]]
EFFECTS: Mapping[str, Effect] = {
    effect.__name__: effect for effect in (Created, Updated, Unchanged, Deleted)
}


EFFECT_OF: Mapping[State, Effect] = {
    State.CREATED: Created,
    State.EXISTING: Existing,
    State.UPDATED: Updated,
    State.UNCHANGED: Unchanged,
    State.DELETED: Deleted,
}


def ended(row: Any, state: State, sid: str, error: Exception) -> AnyOutcome[Any]:
    """Return the outcome of a row that is in a final state; *error* is why it may have failed."""
    if (effect := EFFECT_OF.get(state)) is not None:
        return effect(row, sid)
    return (Rejected if state is State.REJECTED else Unresolved)(row, error)


def carried_out(item: Item, sid: str, effect: str | None) -> AnyOutcome[Any]:
    """Return the outcome of a row that was carried out; *effect* names its class, or is None."""
    return EFFECTS.get(effect or "", Created)(item.row, sid)


def refused(item: Item, error: Exception, *, certain: bool) -> Rejected[Any] | Unresolved[Any]:
    """Return the outcome of a row that was refused, and *certain* to have had no effect, or not."""
    return (Rejected if certain else Unresolved)(item.row, error)


def unresolved(item: Item) -> Unresolved[Any]:
    """Return the outcome of a row whose effect cannot be found out."""
    error = item.error
    if error is None:
        error = AiotaskError("it was under way when a run ended, and cannot be looked for")
        error.maybe_applied = True
    return Unresolved(item.row, error)
