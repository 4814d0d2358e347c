"""Verdicts on rows in doubt, and the errors that no verdict can follow."""

from typing import NamedTuple

from aiotask.bulk.item import Item
from aiotask.errors import AccessError, ClientStateError, NotFoundError, UnexpectedRedirectError

FATAL = (AccessError, NotFoundError, ClientStateError, UnexpectedRedirectError)
"""Errors that concern every row, and that no waiting mends."""


class Exists(NamedTuple):
    """The row became the resource *sid*."""

    item: Item
    sid: str


class Absent(NamedTuple):
    """The row certainly had no effect."""

    item: Item


class Undecided(NamedTuple):
    """The row's effect cannot be found out."""

    item: Item


Verdict = Exists | Absent | Undecided
