"""Strict JSON: no NaN, no bad UTF-8, no bottomless nesting, and integers of any size stay exact."""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from itertools import chain
from math import isfinite
from numbers import Integral
from typing import Any
from uuid import UUID

import msgspec

from aiotask._checks import shortened, type_name

DEEPEST = 254
"""The most objects and lists that a document may have within each other.

What is deeper is not sent, and counts as no JSON where it is read from text: where the stack is
short (1,000 frames in Python 3.11) it could be neither printed nor pickled.
"""

NEVER_DEEP = 2 * DEEPEST
"""Characters of a text that is too short to be nested more deeply than that."""

dumps: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""Write what was parsed, or is built of plain values; it takes much that is not JSON, too."""

parse = msgspec.json.Decoder().decode
REFUSALS = (msgspec.MsgspecError, UnicodeError, RecursionError)

_SCALARS = frozenset({str, int, bool, type(None)})
# Beyond it, JSON libraries differ in how they write an exponent, and NaN is not below it either.
_ORDINARY = 1e16
_MALFORMED = "JSON is malformed: "


class JsonSyntaxError(ValueError):
    """A text is not JSON."""


class JsonValueError(ValueError):
    """A value of a caller's has a part that is not JSON; *place* leads to it, as ``.a.b[0]``."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place.removeprefix('.')}: {reason}" if place else reason)
        self.place = place
        self.reason = reason


class _TooDeepError(ValueError):
    """A value is nested too deeply."""


def loads(text: bytes | str) -> Any:
    """Return what a text says; a JsonSyntaxError says why it is not JSON."""
    try:
        return parse(text)
    except RecursionError:
        reason = "nested too deeply"
    except (msgspec.MsgspecError, UnicodeError) as error:
        reason = str(error).removeprefix(_MALFORMED)
    # Raised out here, it does not drag the other error along, which may hold the whole text.
    raise JsonSyntaxError(reason)


def kind_of(document: Any) -> str:
    """Return what a parsed document is, in JSON's own words."""
    match document:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
    return "a number"


def json_or_text(text: Any) -> Any:
    """Return what a text is as JSON, or the text itself where it is none."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("must be JSON as text")
    try:
        document = parse(text)
    except REFUSALS:
        return text
    if len(text) > NEVER_DEEP and text.count("[") + text.count("{") > DEEPEST:
        return text if _is_deep(document) else document
    return document


def _is_deep(document: Any) -> bool:
    level = [document]
    for _ in range(DEEPEST + 1):
        level = [each for each in level if type(each) in (dict, list)]
        if not level:
            return False
        held = [each.values() if type(each) is dict else each for each in level]
        level = [*chain.from_iterable(held)]
    return True


def strict_dumps(value: Any) -> bytes:
    """Write a value of a caller's; a JsonValueError names the part of it that is not JSON.

    Other mappings than dicts are objects, an enum's member is its value, a UUID its text, and a
    number of another library, such as numpy's, an int or a float.
    """
    try:
        return _written(value)
    except _TooDeepError as error:
        place, reason = "", str(error)
    except (ValueError, OverflowError) as error:
        place, reason = _first_wrong(value, error)
    # Raised out here, it does not drag the other error along, which may hold a whole text.
    raise JsonValueError(place, reason)


def _written(value: Any) -> bytes:
    return dumps(value if is_plain(value) else plain(value, _finite))


def _first_wrong(value: Any, error: Exception) -> tuple[str, str]:
    """Return the place of the first part that cannot be written, and the reason."""
    place = ""
    for _ in range(DEEPEST):
        for step, part in _parts(value):
            try:
                _written(part)
            except (ValueError, OverflowError) as found:
                place, value, error = f"{place}{step}", part, found
                break
        else:
            break
    if isinstance(error, UnicodeError):
        return place, "must not contain lone surrogates, which UTF-8 cannot hold"
    if isinstance(value, int):
        return place, "must be a number of fewer digits"
    return place, str(error)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Mapping):
        for name, part in value.items():
            plainly = isinstance(name, str) and re.fullmatch(r"\w{1,64}", name)
            yield f".{name}" if plainly else f"[{shortened(name)}]", part
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield f"[{number}]", part


def is_plain(value: Any, levels: int = DEEPEST) -> bool:  # noqa: PLR0911 - one loop is slower
    """Whether a value is JSON through and through, which every library writes the same way."""
    kind = type(value)
    if kind is dict:
        if levels < 1:
            return False
        for key, each in value.items():
            if type(key) is not str:
                return False
            if type(each) not in _SCALARS and not is_plain(each, levels - 1):
                return False
        return True
    if kind is list or kind is tuple:
        if levels < 1:
            return False
        for each in value:
            if type(each) not in _SCALARS and not is_plain(each, levels - 1):
                return False
        return True
    return kind in _SCALARS or (kind is float and -_ORDINARY < value < _ORDINARY)


def plain(value: Any, other: Callable[[Any], Any], levels: int = DEEPEST) -> Any:
    """Return a value as :func:`is_plain` has it, but for what *other* makes of the rest of it.

    That are unusual floats, and values of other types.
    """
    made: Any = value
    match value:
        case Enum():
            made = plain(value.value, other, levels)
        case None | bool():
            pass
        case str():
            made = str.__str__(value)  # a subclass may show others
        case int():
            made = int.__index__(value)
        case float() if is_plain(value):
            pass
        case UUID():
            made = str(value)
        case Mapping():
            _check_depth(levels)
            made = {_name(key): plain(each, other, levels - 1) for key, each in value.items()}
        case list() | tuple() if isinstance(value, list) or type(value) is tuple:
            _check_depth(levels)
            made = [plain(each, other, levels - 1) for each in value]
        case _:
            made = other(value)
    return made


def _finite(value: Any) -> float:
    if isinstance(value, Integral):  # of another library, such as numpy's
        return int(value)
    if not isinstance(value, float):
        raise ValueError(f"must be a JSON value, not {type_name(value)}")
    if not isfinite(value):
        raise ValueError(f"must be a finite number, not {value}")
    return float(value)


def _check_depth(levels: int) -> None:
    if levels < 1:
        raise _TooDeepError(f"must not be nested more than {DEEPEST} levels deep")


def _name(key: Any) -> str:
    if type(key) is not str:
        raise ValueError(f"must have text for names, not {type_name(key)}")
    return key
