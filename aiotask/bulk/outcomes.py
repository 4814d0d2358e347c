"""How a row of a bulk creation can end."""

from typing import Generic, TypeVar

import attrs

Row = TypeVar("Row")


@attrs.frozen
class Created(Generic[Row]):
    """The row became the resource *sid*."""

    row: Row
    sid: str


@attrs.frozen
class Rejected(Generic[Row]):
    """The row became nothing, certainly; *error* says why, and sending it again changes nothing.

    A TypeError or ValueError was found before anything was sent.
    """

    row: Row
    error: Exception


@attrs.frozen
class Unresolved(Generic[Row]):
    """The row may have become a resource or not: its request was sent, and no answer told."""

    row: Row
    error: Exception


Outcome = Created[Row] | Rejected[Row] | Unresolved[Row]
