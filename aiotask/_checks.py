"""What a value has to be before it is sent: sids, bounds, lengths; each refusal is a ValueError.

As ``Annotated`` markers these stand beside the types of fields, and say what the service documents.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

_LONGEST_NAME = 64
_LONG_WORD = re.compile(r"[\w+/=.-]{24,}")
_ANY_SID = re.compile("[A-Z]{2}[0-9a-fA-F]{32}")


class Marker(Protocol):
    """What refuses a value of the right type; the reason is a ``ValueError``."""

    def __call__(self, value: Any) -> object:
        """Raise a ValueError if *value* cannot be right."""


class Sid:
    """A sid of one kind: two letters, then 32 hexadecimal digits, as the service's pattern has it.

    Nothing else may become part of a path, so that no value can address another resource.
    """

    def __init__(self, *prefixes: str) -> None:
        self._form = " or ".join(prefixes)
        self._match = re.compile(f"(?:{'|'.join(prefixes)})[0-9a-fA-F]{{32}}").fullmatch

    def __call__(self, value: object) -> str:
        """Return *value* if it is such a sid."""
        if not isinstance(value, str) or not self._match(value):
            wanted = f"must be a sid: {self._form} and 32 hexadecimal digits"
            raise ValueError(f"{wanted}, not {shortened(value)}")
        return plain(value)


class Identifier:
    """A sid of one kind or a unique name, percent-encoded so that it stays one path segment.

    What looks like a sid of another kind is no name.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __call__(self, value: object) -> str:
        """Return *value* as it stands in a path."""
        if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_NAME:
            raise ValueError(f"must be a sid or a unique name, not {shortened(value)}")
        if not value.strip("."):
            raise ValueError(f"must have more to it than dots, unlike {value!r}")
        if _ANY_SID.fullmatch(value) and not value.startswith(self._prefix):
            raise ValueError(f"must be a {self._prefix} sid or a unique name, not {value}")
        return quote(plain(value), safe="")


def checked(kind: Callable[[object], str], sid: str) -> str:
    """Return *sid* as it stands in a path, or raise a ValueError that names it."""
    try:
        return kind(sid)
    except ValueError as error:
        raise ValueError(f"sid: {error}") from None


class Between(NamedTuple):
    """A number within bounds, both included."""

    low: int
    high: int

    def __call__(self, value: int) -> None:
        """Refuse a number outside."""
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {self.low} to {self.high}, not {value}")


class Length(NamedTuple):
    """A text of so many characters."""

    low: int
    high: int

    def __call__(self, value: str) -> None:
        """Refuse a text that is shorter or longer."""
        if not self.low <= len(value) <= self.high:
            raise ValueError(f"must have {self.low} to {self.high} characters, not {len(value)}")


class Form:
    """A text of a documented form, which *meaning* puts into words."""

    def __init__(self, pattern: str, meaning: str) -> None:
        self._match = re.compile(pattern).fullmatch
        self._meaning = meaning

    def __call__(self, value: str) -> None:
        """Refuse a text of another form."""
        if not self._match(value):
            raise ValueError(f"must be {self._meaning}, not {shortened(value)}")


class Past:
    """A moment that is not in the future, nor before the year 1900."""

    def __call__(self, value: datetime) -> None:
        """Refuse a moment outside."""
        if value > datetime.now(UTC):
            raise ValueError(f"must not be in the future, as {value.isoformat()} is")
        if value.year < 1900:  # noqa: PLR2004 - the year that the service names
            raise ValueError(f"must not be before the year 1900, as {value.isoformat()} is")


class JsonLimit(NamedTuple):
    """A JSON document whose text has so many characters at the most, white space included."""

    characters: int

    def __call__(self, value: str) -> None:
        """Refuse a text that is longer."""
        if len(value) > self.characters:
            raise ValueError(
                f"must have at most {self.characters} characters as JSON, not {len(value)}"
            )


def header_value(name: str, value: object) -> str:
    """Return *value* if it can stand in a header: visible ASCII and spaces, so no line can end."""
    if not isinstance(value, str) or not re.fullmatch("[ -~]+", value):
        raise ValueError(f"{name}: must be visible ASCII, not {shortened(value)}")
    return plain(value)


def plain(text: str) -> str:
    """Return the characters that were checked: a subclass, such as an enum, may show others."""
    return str.__str__(text)


def printable(text: str) -> str:
    """Return *text* as one line without control characters, which a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def shortened(value: object) -> str:
    """Return a repr that fits into one line of an error."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - about a line


def without_long_words(text: str) -> str:
    """Return what somebody else wrote without anything that could be a token."""
    return _LONG_WORD.sub("…", text)
