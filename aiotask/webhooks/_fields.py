"""Fields of callbacks: texts -> typed values, by the annotations of an attrs class."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar

import attrs

from aiotask._decoding import JsonText
from aiotask._encoding import wire_name
from aiotask._json import dumps, json_or_text
from aiotask.webhooks._body import CallbackError, form_pairs

C = TypeVar("C")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# As seconds this is the year 5138, so a larger number means milliseconds.
_SURELY_MILLISECONDS = 10**11
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class _Field(NamedTuple):
    name: str
    read: Callable[[str], Any]
    required: bool


def read_form(kind: type[C], body: bytes, max_body: int) -> C:
    """Return the callback in a form, whose names are CamelCase."""
    plan = _plan(kind, wire_name)  # type: ignore[arg-type]  # classes hash
    texts: dict[str, str] = {}
    for name, text in form_pairs(body, max_body):
        # A repeated equal field counts once, as in the signature.
        if texts.setdefault(name, text) != text and name in plan:
            raise CallbackError(f"the form has {name} twice, and they differ")
    return _read(kind, plan, texts, "form")


def read_payload(kind: type[C], payload: Mapping[str, Any]) -> C:
    """Return the callback in the payload of an event of Event Streams, whose names are ours."""
    plan = _plan(kind, _payload_name)  # type: ignore[arg-type]  # classes hash
    texts = {name: _text(value) for name, value in payload.items() if value is not None}
    return _read(kind, plan, texts, "payload")


def _read(kind: type[C], plan: Mapping[str, _Field], texts: dict[str, str], holder: str) -> C:
    values: dict[str, Any] = {}
    for wire, field in plan.items():
        if wire not in texts:
            continue
        try:
            values[field.name] = field.read(texts[wire])
        except ValueError:
            continue
        del texts[wire]
    missing = [
        wire for wire, field in plan.items() if field.required and not values.get(field.name)
    ]
    if missing:
        lacks = ", ".join(missing)
        raise CallbackError(f"the {holder} is not an {kind.__name__}: it lacks {lacks}")
    return kind(**values | {"extra": texts})


@cache
def _plan(kind: type[Any], wire: Callable[[str], str]) -> dict[str, _Field]:
    return {
        wire(field.name): _Field(
            field.name, _READERS[field.type], required=field.default is attrs.NOTHING
        )
        for field in attrs.fields(kind)
        if field.name != "extra"
    }


def _payload_name(name: str) -> str:
    return "eventtype" if name == "event_type" else name


def _text(value: Any) -> str:
    """Return a JSON value as a form would have it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return dumps(value).decode()
    except RecursionError:
        raise CallbackError("the payload is nested too deeply") from None


def _integer(text: str) -> int:
    # int() accepts underscores, other scripts' digits, and thousands of digits.
    if not re.fullmatch("-?[0-9]{1,18}", text):
        raise ValueError("must be a whole number")
    return int(text)


def _flag(text: str) -> bool:
    # The schema of Event Streams has integers in place of some truth values.
    if text.lower() not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[text.lower()]


def _moment(text: str) -> datetime:
    """Return an aware moment: seconds or milliseconds since 1970, or ISO 8601 with a zone."""
    if not re.fullmatch("-?[0-9]+", text):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("must have a time zone")
        return moment
    count = _integer(text)
    unit = "milliseconds" if abs(count) >= _SURELY_MILLISECONDS else "seconds"
    try:
        return _EPOCH + timedelta(**{unit: count})
    except OverflowError as error:
        raise ValueError("must be a moment of the calendar") from error


_READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    str | None: str,
    int | None: _integer,
    bool | None: _flag,
    datetime | None: _moment,
    JsonText: json_or_text,
}
