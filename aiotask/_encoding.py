"""Python values -> the fields of a form or a query; pure functions that know no operation.

An operation's fields are a TypedDict with all that is known of them: the Python type selects the
writer of a value, ``Annotated`` markers refuse values before anything is sent, and the name on the
wire is computed (``task_queue_sid`` -> ``TaskQueueSid``).
"""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from numbers import Integral
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from yarl import URL

from aiotask._checks import JsonLimit, Marker, plain, shortened, type_name
from aiotask._json import JsonValueError, strict_dumps

Pairs = list[tuple[str, str]]

_EMPTY = URL()

UNSENT = "unsent"
"""Marks a field that is for the client itself and is not sent."""


class JsonDocument(ABC):
    """A typed form of a mapping that is sent as JSON."""

    __slots__ = ()

    @abstractmethod
    def to_document(self) -> dict[str, Any]:
        """Return the mapping."""


class Written(NamedTuple):
    """Marks a field that *text* writes, instead of the writer of its type."""

    text: Callable[[Any], str]


def encode(shape: type, fields: Mapping[str, Any]) -> Pairs:
    """Return *fields* as the service names and writes them; *shape* is their TypedDict.

    An unknown name, or a missing required one, is a TypeError; a value that is not valid is a
    ValueError.
    """
    plan = _plan(shape)
    pairs: Pairs = []
    for name, value in fields.items():
        field = plan.fields.get(name)
        if field is None:
            raise TypeError(_unknown(shape, name, plan.fields))
        try:
            field.write(value, pairs)
        except JsonValueError as error:
            raise ValueError(f"{name}{error.place}: {error.reason}") from None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    if not plan.required <= fields.keys():
        missing = ", ".join(sorted(plan.required - fields.keys()))
        raise TypeError(f"{shape.__name__} lacks {missing}")
    return pairs


def urlencoded(pairs: Iterable[tuple[str, str]]) -> str:
    """Return *pairs* as ``application/x-www-form-urlencoded``, for a body or a query."""
    query = list(pairs)
    by_name = dict(query)  # of which yarl asks fewer questions
    return _EMPTY.with_query(by_name if len(by_name) == len(query) else query).raw_query_string


def utc_text(moment: datetime) -> str:
    """Return an aware moment as the service writes dates: in UTC and whole seconds, with a Z."""
    try:
        utc = moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"must be within the years 1 to 9999 in UTC, unlike {moment}") from None
    return f"{utc.isoformat(timespec='seconds')}Z"


def field_types(shape: type) -> dict[str, Any]:
    """Return the plain Python type of every field of *shape*, markers taken off."""
    return {name: field.kind for name, field in _plan(shape).fields.items()}


class _Field(NamedTuple):
    wire: str
    kind: Any
    text: Callable[[Any], str]
    many: bool
    value_checks: tuple[Marker, ...]
    text_checks: tuple[Marker, ...]

    def write(self, value: Any, pairs: Pairs) -> None:
        if not self.many:
            pairs.append((self.wire, self._one(value)))
            return
        # Python takes a lone text for a sequence of letters; it is meant as one value.
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, Sequence):
            raise ValueError(f"must be a sequence, not {_kind(value)}")
        if not values:
            raise ValueError("must not be empty: leave it out to have everything")
        pairs.extend((self.wire, self._one(each)) for each in values)

    def _one(self, value: Any) -> str:
        text = self.text(value)
        for check in self.value_checks:
            check(value)
        for check in self.text_checks:
            check(text)
        return text


class _Plan(NamedTuple):
    fields: Mapping[str, _Field]
    required: frozenset[str]


@cache
def _plan(shape: type) -> _Plan:
    if not is_typeddict(shape):
        raise TypeError(f"{shape.__name__} is not a TypedDict")
    hints = get_type_hints(shape, include_extras=True)
    fields = {
        name: _field(name, hint)
        for name, hint in hints.items()
        if UNSENT not in getattr(hint, "__metadata__", ())
    }
    return _Plan(fields, frozenset(shape.__required_keys__))  # type: ignore[attr-defined]  # of every TypedDict


def _field(name: str, hint: Any) -> _Field:
    markers: tuple[Any, ...] = ()
    many = False
    while True:
        origin = get_origin(hint)
        if origin in (Required, NotRequired):
            (hint,) = get_args(hint)
        elif origin is Annotated:
            hint, *found = get_args(hint)
            markers += tuple(found)
        elif origin is Sequence:
            (hint,) = get_args(hint)
            many = True
        else:
            break
    # The first type of a union is the one on the wire.
    kind = get_args(hint)[0] if origin is UnionType else hint
    kind = str if get_origin(kind) is Literal else get_origin(kind) or kind
    text = next((marker.text for marker in markers if isinstance(marker, Written)), _WRITERS[kind])
    value_checks = tuple(each for each in markers if not isinstance(each, Written | JsonLimit))
    text_checks = tuple(each for each in markers if isinstance(each, JsonLimit))
    return _Field(wire_name(name), kind, text, many, value_checks, text_checks)


@cache
def wire_name(name: str) -> str:
    """Return a field's name on the wire: ``task_queue_sid`` is ``TaskQueueSid`` there."""
    return "".join(part.capitalize() for part in name.split("_"))


def _unknown(shape: type, name: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{shape.__name__} has no field {shortened(name)}{hint}"


def _kind(value: object) -> str:
    return "None (leave the field out instead)" if value is None else type_name(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a str, not {_kind(value)}")
    if not value.isascii():
        value.encode()  # a lone surrogate has no UTF-8: UnicodeEncodeError is a ValueError
    return plain(value)


def _integer(value: Any) -> str:
    if isinstance(value, int):
        if not isinstance(value, bool):
            return str(int(value))
    elif isinstance(value, Integral):  # of another library, such as numpy's
        return str(int(value))
    raise ValueError(f"must be an int, not {_kind(value)}")


def _flag(value: Any) -> str:
    if not isinstance(value, bool):
        raise ValueError(f"must be a bool, not {_kind(value)}")
    return "true" if value else "false"


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise ValueError(f"must be a datetime, not {_kind(value)}")
    if value.utcoffset() is None:
        raise ValueError("must be an aware datetime: one with a time zone")
    return utc_text(value)


def json_text(value: Any) -> str:
    """Return a mapping as JSON; a JsonValueError names the part that is not JSON."""
    if type(value) is not dict:  # asking an abstract class costs as much as writing a small dict
        if isinstance(value, JsonDocument):
            value = value.to_document()
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a mapping, which is sent as JSON, not {_kind(value)}")
    return strict_dumps(value).decode()


_WRITERS: dict[Any, Callable[[Any], str]] = {
    str: _text,
    int: _integer,
    bool: _flag,
    datetime: _moment,
    Mapping: json_text,
}
