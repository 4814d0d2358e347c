"""Validators for sids, bounds and lengths; each raises a ValueError.

As ``Annotated`` markers of fields they state the bounds that the service documents.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

_LONGEST_NAME = 64
# A word of foreign text this long may be a secret: auth tokens have 32 characters.
_LONG_WORD = re.compile(r"[\w+/=.-]{24,}")
_ANY_SID = re.compile("[A-Z]{2}[0-9a-fA-F]{32}")


class Marker(Protocol):
    """A validator of values that have the right type already."""

    def __call__(self, value: Any) -> object:
        """Raise a ValueError if *value* is not valid."""


class Sid:
    """A sid of one kind: two letters and 32 hexadecimal digits, by the service's own pattern.

    Nothing else becomes part of a path, so that no value can address another resource.
    """

    def __init__(self, *prefixes: str) -> None:
        self._form = " or ".join(prefixes)
        self._match = re.compile(f"(?:{'|'.join(prefixes)})[0-9a-fA-F]{{32}}").fullmatch

    def __call__(self, value: object) -> str:
        """Return *value*, or raise a ValueError."""
        if not isinstance(value, str) or not self._match(value):
            wanted = f"must be a sid: {self._form} and 32 hexadecimal digits"
            raise ValueError(f"{wanted}, not {shortened(value)}")
        return plain(value)


class Identifier:
    """A sid of one kind or a unique name, percent-encoded so that it stays one path segment.

    A name must not look like a sid of another kind.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __call__(self, value: object) -> str:
        """Return *value* percent-encoded for a path, or raise a ValueError."""
        if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_NAME:
            raise ValueError(f"must be a sid or a unique name, not {shortened(value)}")
        if not value.strip("."):
            raise ValueError(f"must not consist of dots only, as {value!r} does")
        if _ANY_SID.fullmatch(value) and not value.startswith(self._prefix):
            raise ValueError(f"must be a {self._prefix} sid or a unique name, not {value}")
        return quote(plain(value), safe="")


def checked(kind: Callable[[object], str], sid: str) -> str:
    """Return *sid* as a part of a path, or raise a ValueError that names the parameter."""
    try:
        return kind(sid)
    except ValueError as error:
        raise ValueError(f"sid: {error}") from None


class Between(NamedTuple):
    """An integer from *low* to *high*, both included."""

    low: int
    high: int

    def __call__(self, value: int) -> None:
        """Raise a ValueError for a number out of bounds."""
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {self.low} to {self.high}, not {value}")


class Length(NamedTuple):
    """A text of *low* to *high* characters."""

    low: int
    high: int

    def __call__(self, value: str) -> None:
        """Raise a ValueError for a text that is shorter or longer."""
        if not self.low <= len(value) <= self.high:
            raise ValueError(f"must have {self.low} to {self.high} characters, not {len(value)}")


class Form:
    """A text that matches a pattern, described by *meaning*."""

    def __init__(self, pattern: str, meaning: str) -> None:
        self._match = re.compile(pattern).fullmatch
        self._meaning = meaning

    def __call__(self, value: str) -> None:
        """Raise a ValueError for a text that does not match."""
        if not self._match(value):
            raise ValueError(f"must be {self._meaning}, not {shortened(value)}")


class Past:
    """A moment from the year 1900 to now."""

    def __call__(self, value: datetime) -> None:
        """Raise a ValueError for a moment out of bounds."""
        if value > datetime.now(UTC):
            raise ValueError(f"must not be in the future, as {value.isoformat()} is")
        if value.year < 1900:  # noqa: PLR2004 - the year that the service names
            raise ValueError(f"must not be before the year 1900, as {value.isoformat()} is")


class JsonLimit(NamedTuple):
    """A JSON document of at most *characters* characters as text, white space included."""

    characters: int

    def __call__(self, value: str) -> None:
        """Raise a ValueError for a longer text."""
        if len(value) > self.characters:
            raise ValueError(
                f"must have at most {self.characters} characters as JSON, not {len(value)}"
            )


def header_value(name: str, value: object) -> str:
    """Return *value* if it is visible ASCII and spaces: a line break would start another header."""
    if not isinstance(value, str) or not re.fullmatch("[ -~]+", value):
        raise ValueError(f"{name}: must be visible ASCII, not {shortened(value)}")
    return plain(value)


def plain(text: str) -> str:
    """Return the very characters that were checked: a subclass such as an enum may show others."""
    return str.__str__(text)


def printable(text: str) -> str:
    """Return *text* as one line without control characters, which a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def type_name(value: object) -> str:
    """Return the name of a value's type, with its module unless it is one of Python's own."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def shortened(value: object) -> str:
    """Return a repr of *value* that fits into one line of an error message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - about a line


def without_long_words(text: str) -> str:
    """Return foreign text without any word that could be a token."""
    return _LONG_WORD.sub("…", text)
