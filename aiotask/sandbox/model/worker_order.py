"""Worker order and known workers of a workflow's targets.

Source: Twilio's pages on ordering workers and on known agents.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from aiotask.sandbox.expressions.language import (
    NAME,
    Attributes,
    ExpressionError,
    Path,
    Read,
    check_name,
    path_of,
    reader,
)

_NAME = re.compile(NAME)
_COLUMN = re.compile(rf"(?P<name>(?=worker\.){NAME})(?:\s+(?P<direction>(?i:ASC|DESC)))?")


class Column(NamedTuple):
    """One part of an ``order_by``: the compared attribute and the direction."""

    read: Read
    sign: int


def parse_order(text: str) -> tuple[Column, ...]:
    """Parse an order such as ``worker.level DESC, worker.age``; the default is ASC."""
    columns = []
    for part in text.split(","):
        check_name(part.strip())
        match = _COLUMN.fullmatch(part.strip())
        if match is None:
            raise ExpressionError(f"{part.strip()[:40]!r} is not worker.attribute ASC or DESC")
        sign = -1 if (match["direction"] or "").upper() == "DESC" else 1
        columns.append(Column(reader(path_of(match["name"])), sign))
    return tuple(columns)


def rank(columns: Iterable[Column], attributes: Attributes) -> tuple[tuple[bool, float], ...]:
    """Return the sort key by *columns*; values that are not numbers come last."""
    ranks = []
    for column in columns:
        value = column.read(attributes)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        ranks.append((not number, column.sign * value if number else 0))
    return tuple(ranks)


def parse_reference(text: str) -> Path | None:
    """Return the path of a dotted name, None for other text; refuse a name with a hyphen."""
    check_name(text)
    return path_of(text) if _NAME.fullmatch(text) else None
