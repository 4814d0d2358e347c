"""Outcomes of the rows of a bulk run."""

from typing import Any, Generic, TypeVar

import attrs

from aiotask.bulk.item import Item
from aiotask.errors import AiotaskError

Row = TypeVar("Row")


@attrs.frozen
class Created(Generic[Row]):
    """The row became the resource *sid*."""

    row: Row
    sid: str


@attrs.frozen
class Existing(Created[Row]):
    """The row's key names the resource *sid* already, which an earlier job created."""


@attrs.frozen
class Rejected(Generic[Row]):
    """The row certainly had no effect; *error* is the reason, and sending it again is in vain.

    A TypeError or ValueError was found before anything was sent.
    """

    row: Row
    error: Exception


@attrs.frozen
class Unresolved(Generic[Row]):
    """The row was sent, and its effect cannot be found out; *error* is the last failure."""

    row: Row
    error: Exception


Outcome = Created[Row] | Rejected[Row] | Unresolved[Row]


def unresolved(item: Item) -> Unresolved[Any]:
    """Return the outcome of a row whose effect cannot be found out."""
    error = item.error
    if error is None:
        error = AiotaskError("it was under way when a run ended, and cannot be looked for")
        error.maybe_applied = True
    return Unresolved(item.row, error)
