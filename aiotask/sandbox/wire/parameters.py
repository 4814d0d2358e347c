"""Request parameters: parsing and validation of forms and queries."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiotask.sandbox._json import JsonSyntaxError, loads
from aiotask.sandbox.expressions.language import Expression, ExpressionError, parse
from aiotask.sandbox.model.account import is_sid
from aiotask.sandbox.model.refusals import invalid

MAX_ATTRIBUTES = 4096
"""The longest Attributes of a task or worker, by Twilio's page of limits."""

_SIDS: Mapping[str, str] = {
    "ActivitySid": "WA",
    "ReservationSid": "WR",
    "Sid": "EV",
    "TaskQueueSid": "WQ",
    "TaskSid": "WT",
    "WorkerSid": "WK",
    "WorkflowSid": "WW",
}
"""The kinds of sids in the filters of lists, by the patterns of Twilio's API description."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_MAX_PARAMETERS = 1000  # bounds the work of one request; a real one has about fifty

Choice = TypeVar("Choice", bound=str)


class Parameters:
    """Names and values in their order; names are case-sensitive."""

    __slots__ = ("_last", "pairs")

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self.pairs: Sequence[tuple[str, str]] = pairs
        self._last = dict(pairs)

    @classmethod
    def parse(cls, encoded: bytes) -> "Parameters":
        """Parse a form or a query; refuse bytes that are not UTF-8."""
        try:
            pairs = parse_qsl(
                encoded.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MAX_PARAMETERS,
            )
        except ValueError as error:
            raise invalid("The parameters are not form-encoded UTF-8") from error
        return cls(pairs)

    def __contains__(self, name: str) -> bool:
        return name in self._last

    def text(self, name: str) -> str | None:
        """Return a value as sent; the last one if the name is repeated."""
        return self._last.get(name)

    def filter(self, name: str) -> str | None:
        """Return the filter of a list, None for an empty one; refuse what is no sid of its kind."""
        value = self._last.get(name)
        prefix = _SIDS.get(name)
        if value and prefix is not None and not is_sid(value, prefix):
            raise invalid(
                f"Invalid {name} {value[:40]!r}: not a sid that begins with {prefix}", name
            )
        return value or None

    def required(self, name: str) -> str:
        """Return a value; refuse if it is absent or empty."""
        value = self._last.get(name)
        if not value:
            raise invalid(f"Missing required parameter {name}", name)
        return value

    def named(self, name: str, longest: int = 64, code: int = 20001) -> str | None:
        """Return a value of 1 to *longest* characters."""
        value = self._last.get(name)
        if value is not None and not 1 <= len(value) <= longest:
            raise invalid(f"{name} must have between 1 and {longest} characters", code=code)
        return value

    def chosen(self, name: str, allowed: Sequence[Choice]) -> Choice | None:
        """Return a value; refuse if it is not one of *allowed*."""
        value = self._last.get(name)
        if value is None:
            return None
        for choice in allowed:
            if choice == value:
                return choice
        raise invalid(f"Invalid {name} {value!r}: must be one of {', '.join(allowed)}", name)

    def integer(self, name: str, lowest: int, highest: int) -> int | None:
        """Return a whole number; refuse if it is out of bounds."""
        value = self._last.get(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not lowest <= int(value) <= highest:
            raise invalid(
                f"Invalid {name} {value!r}: must be a whole number from {lowest} to {highest}", name
            )
        return int(value)

    def boolean(self, name: str) -> bool | None:
        """Return True for true, 1 and yes; by Twilio's pages any other value is false."""
        value = self._last.get(name)
        return None if value is None else value.lower() in ("true", "1", "yes")

    def moment(self, name: str) -> int | None:
        """Return an RFC 3339 date, in whole seconds since 1970."""
        value = self._last.get(name)
        if value is None:
            return None
        wrong = invalid(f"Invalid {name} {value!r}: must be a date of RFC 3339")
        if not _MOMENT.fullmatch(value):
            raise wrong
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise wrong from error
        return (moment - _EPOCH) // timedelta(seconds=1)

    def expression(self, name: str) -> Expression | None:
        """Return a parsed expression; None for an empty one."""
        value = self._last.get(name)
        if not value:
            return None
        try:
            return parse(value)
        except ExpressionError as error:
            raise invalid(f"Invalid {name}: {error}") from error

    def attributes(self) -> tuple[str, Mapping[str, Any]] | None:
        """Return Attributes as sent and decoded; tasks keep the text."""
        text = self._last.get("Attributes")
        if text is None:
            return None
        if len(text) > MAX_ATTRIBUTES:
            raise invalid(f"Invalid Attributes: longer than {MAX_ATTRIBUTES} characters")
        try:
            decoded = loads(text)
        except JsonSyntaxError as error:
            raise invalid(f"Invalid Attributes: not JSON: {error}") from error
        if not isinstance(decoded, dict):
            raise invalid("Invalid Attributes: not a JSON object")
        return text, decoded

    def several(self, name: str) -> list[str]:
        """Return the values of a repeated name; a comma also separates values."""
        return [
            part.strip()
            for key, value in self.pairs
            if key == name
            for part in value.split(",")
            if part
        ]
