"""Documents of the service -> resources, and resources -> the service's form; no I/O.

cattrs decides what is accepted, and explains what is not.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn, override

from aiotask._additions import additions_of
from aiotask._encoding import utc_text
from aiotask._json import dumps, json_or_text, kind_of

R = TypeVar("R")


class _UnfitError(ValueError):
    """A value that does not fit its field; it says what it must be, and shows nothing of it."""


class _JsonText:
    """Marks a field that is a JSON document as text on the wire."""


# Twilio's own examples hold a workflow configuration that is not JSON; what cannot be parsed stays
# the text that it is, so that one old row never makes a listing unreadable.
JsonText = Annotated[Any, _JsonText]
JsonObject = dict[str, Any]
Links = dict[str, str]
OptionalLinks = dict[str, str | None]
# Where bodies are decoded, msgspec leaves a date without a time zone to what is here.
AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]

HEADER = "aiotask_header"
"""Marks, in a field's metadata, one that comes from a header of the answer."""

_WHOLE = re.compile("-?[0-9]+")
_DATE = "must be a date as text"
_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def from_header() -> Any:
    """Declare a field that comes from a header of the answer, not from its body."""
    return attrs.field(default=None, metadata={HEADER: True})


def structure(document: Any, resource: type[R], etag: str | None = None) -> R:
    """Return a parsed *document* as a *resource*; a ValueError says what is not as documented."""
    if not isinstance(document, dict):
        raise ValueError(f"not an object but {kind_of(document)}")
    try:
        built = _CONVERTER.structure(document, resource)
    except cattrs.ClassValidationError as error:
        told = cattrs.transform_error(error, format_exception=_told)
    else:
        headers = [field.name for field in attrs.fields(resource) if HEADER in field.metadata]  # type: ignore[arg-type]  # R is attrs
        built = attrs.evolve(built, **dict.fromkeys(headers, etag))  # type: ignore[misc]  # R is attrs
        additions_of(resource).keep_of(built, document)  # type: ignore[arg-type]  # classes hash
        return built
    # Raised out here, it does not drag the other errors along, which hold the document.
    raise ValueError("; ".join(map(_placed, told)))


def _told(error: BaseException, kind: Any) -> str:
    """Return in JSON's words what a field has to be; cattrs would name our Python types."""
    if isinstance(error, KeyError):
        return "is missing"
    if isinstance(error, _UnfitError):
        return str(error)
    kind = _only(kind)
    origin = get_origin(kind) or kind
    return f"must be {_WORDS.get(origin, 'as documented')}"


def _placed(told: str) -> str:
    """Put the place first, as all messages have it: ``$.a.b`` is where cattrs puts it."""
    reason, _, place = told.rpartition(" @ $")
    return f"{place.removeprefix('.')}: {reason}" if place else reason


def to_dict(resource: Any, *, decoded: bool = False) -> dict[str, Any]:
    """Return a resource as plain JSON-able data in the service's own form.

    Dates are text such as ``2026-11-21T09:30:00Z``; ``attributes`` and its like are JSON documents
    as text, or with *decoded* the JSON values themselves, as web frameworks are to answer. What
    came from a header (``etag``) is no part of that form.
    """
    fields = [field for field in attrs.fields(type(resource)) if HEADER not in field.metadata]
    return {
        field.name: _plain(getattr(resource, field.name), field.type, decoded=decoded)
        for field in fields
    }


def _plain(value: Any, kind: Any = None, *, decoded: bool) -> Any:
    if value is None:
        return None
    if kind == JsonText:
        return value if decoded or isinstance(value, str) else dumps(value).decode()
    if isinstance(value, datetime):
        return _date_text(value)
    if isinstance(value, list):
        return [_plain(each, decoded=decoded) for each in value]
    if isinstance(value, dict):
        return _plain_members(value, _only(kind), decoded=decoded)
    return to_dict(value, decoded=decoded) if attrs.has(type(value)) else value


def _plain_members(value: dict[Any, Any], kind: Any, *, decoded: bool) -> dict[str, Any]:
    if kind == JsonObject:
        return dict(value)
    if kind in (Links, OptionalLinks):  # what is no text is no link, however deeply it is nested
        return {name: link for name, link in value.items() if link is None or type(link) is str}
    return {str(key): _plain(each, decoded=decoded) for key, each in value.items()}


def _date_text(date: datetime) -> str:
    try:
        return utc_text(date)
    except ValueError:  # in UTC it is before the first year, or after the last
        return date.isoformat()


def _date(text: str) -> datetime:
    try:
        # Read as msgspec reads it in a row, which rounds what is finer than a microsecond.
        date = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        date = _other_date(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _other_date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # Some fields are documented as RFC 2822 although every known answer is ISO 8601.
        return parsedate_to_datetime(text)


def _structure_date(value: Any, _: Any) -> datetime:
    if not isinstance(value, str):
        raise _UnfitError(_DATE)
    try:
        return _date(value)
    except ValueError:
        raise _UnfitError(_DATE) from None


def _structure_json(value: Any) -> Any:
    try:
        return json_or_text(value)
    except TypeError:
        raise _UnfitError("must be JSON as text") from None


def _structure_exactly(kind: type[R]) -> Callable[[Any, Any], R]:
    def structure(value: Any, _: Any) -> R:
        if type(value) is not kind:
            raise _UnfitError(f"must be {_WORDS[kind]}")
        return value

    return structure


def _structure_number(value: Any, _: Any) -> float:
    # The description of an average says integer, and its example 0.0.
    if type(value) not in (int, float):
        raise _UnfitError("must be a number")
    return float(value)


def _whole(key: str) -> int:
    # int() takes underscores, spaces, and digits of other scripts.
    if not _WHOLE.fullmatch(key):
        raise _UnfitError("must be whole numbers as text")
    return int(key)


def _has_numbers_for_keys(kind: Any) -> bool:
    return get_origin(kind) is dict and get_args(kind)[0] is int


def _structure_numbered(converter: cattrs.Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """Make hooks for objects whose keys are whole numbers, which JSON has to write as text."""

    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        def structure(value: Any, _: Any) -> dict[int, Any]:
            if not isinstance(value, dict):
                raise _UnfitError("must be an object")
            return {_whole(key): converter.structure(each, held) for key, each in value.items()}

        held = get_args(kind)[1]
        return structure

    return factory


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _structure_exactly(kind))
    converter.register_structure_hook(float, _structure_number)
    converter.register_structure_hook_factory(_has_numbers_for_keys, _structure_numbered(converter))
    converter.register_structure_hook(datetime, _structure_date)
    converter.register_structure_hook_func(
        lambda kind: kind == JsonText, lambda value, _: _structure_json(value)
    )
    converter.register_structure_hook_func(
        lambda kind: kind in (Links, OptionalLinks, JsonObject), _structure_exactly(dict)
    )

    def without_headers(kind: type[Any]) -> Callable[[Any, Any], Any]:
        omitted: dict[str, Any] = {
            field.name: override(omit=True)
            for field in attrs.fields(kind)
            if HEADER in field.metadata
        }
        fill = make_dict_structure_fn(kind, converter, **omitted)

        def structure(value: Any, _: Any) -> Any:
            # A text or a list would pass for an object in which everything is left out.
            if not isinstance(value, dict):
                raise _UnfitError("must be an object")
            return fill(value, kind)

        return structure

    converter.register_structure_hook_factory(attrs.has, without_headers)
    return converter


_CONVERTER = _converter()


def _only(kind: Any) -> Any:
    """Return X for ``X | None``, and anything else as it is."""
    kinds = [each for each in get_args(kind) if each is not type(None)]
    return kinds[0] if len(kinds) == 1 and len(get_args(kind)) > 1 else kind
