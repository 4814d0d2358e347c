"""JSON of the service -> resources, and resources -> its form; no I/O.

msgspec decodes the bytes straight into the resources' classes, which costs little more than parsing
them. cattrs decides what is accepted, and explains what is not: it is asked wherever msgspec
refuses, and msgspec accepts no more, with equal results (a property in ``tests/test_decoding.py``).
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn, override

from aiotask._encoding import utc_text
from aiotask._json import JsonSyntaxError, dumps, json_or_text, loads

R = TypeVar("R")


class _JsonText:
    """Marks a field that is a JSON document as text on the wire."""


# Twilio's own examples hold a workflow configuration that is not JSON; what cannot be parsed stays
# the text that it is, so that one old row never makes a listing unreadable.
JsonText = Annotated[Any, _JsonText]
JsonObject = dict[str, Any]
Links = dict[str, str]
# msgspec leaves a date without a time zone to cattrs, which makes it one of UTC.
AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]

_HEADER = "aiotask_header"
_WHOLE = re.compile("-?[0-9]+")

# What msgspec makes of an answer that is not as documented, or not JSON at all.
_REFUSALS = (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError)


def from_header() -> Any:
    """Declare a field that comes from a header of the answer, not from its body."""
    return attrs.field(default=None, metadata={_HEADER: True})


def decode(body: bytes, resource: type[R], etag: str | None = None) -> R:
    """Return what *body* says as a *resource*; a ValueError says what is not as documented.

    It is a JsonSyntaxError where there is no document: no JSON, nothing, or null.
    """
    try:
        _check_utf8(body)
        built: R = _decoder(resource).decode(body)  # type: ignore[arg-type]  # classes hash
        _complete([built], resource, etag)
    except _REFUSALS:
        return structure(_document(body), resource, etag)
    return built


def decode_page(body: bytes, resource: type[R], key: str) -> tuple[list[R], str | None]:
    """Return the rows of a page, each as a *resource*, and the URL of the next page if any.

    The rows stand under the name that the page's ``meta.key`` says, which is *key* as a rule.
    Errors are those of :func:`decode`.
    """
    try:
        _check_utf8(body)
        page = _page_decoder(resource, key).decode(body)  # type: ignore[arg-type]  # classes hash
        if page.meta.key == key:
            _complete(page.rows, resource, None)
            return page.rows, page.meta.next_page_url
    except _REFUSALS:
        pass
    meta, rows = _members(_document(body))
    return [structure(row, resource) for row in rows], _next_page(meta)


def structure(document: Any, resource: type[R], etag: str | None = None) -> R:
    """Return a parsed *document* as a *resource*; a ValueError says what is not as documented."""
    if not isinstance(document, dict):
        raise ValueError(f"not an object but {type(document).__name__}")
    try:
        built = _CONVERTER.structure(document, resource)
    except cattrs.ClassValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error))) from error
    headers = [field.name for field in attrs.fields(resource) if _HEADER in field.metadata]  # type: ignore[arg-type]  # R is attrs
    return attrs.evolve(built, **dict.fromkeys(headers, etag))  # type: ignore[misc]  # R is attrs


def to_dict(resource: Any) -> dict[str, Any]:
    """Return a resource as plain JSON-able data in the service's own form.

    Dates are text such as ``2026-11-21T09:30:00Z``; ``attributes`` and its like are JSON documents
    as text. What came from a header (``etag``) is no part of that form.
    """
    fields = [field for field in attrs.fields(type(resource)) if _HEADER not in field.metadata]
    return {field.name: _plain(getattr(resource, field.name), field.type) for field in fields}


def _plain(value: Any, kind: Any = None) -> Any:
    if value is None:
        return None
    if kind == JsonText:
        return value if isinstance(value, str) else dumps(value).decode()
    if isinstance(value, datetime):
        return _date_text(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return _plain_members(value, _only(kind))
    return to_dict(value) if attrs.has(type(value)) else value


def _plain_members(value: dict[Any, Any], kind: Any) -> dict[str, Any]:
    if kind == JsonObject:
        return dict(value)
    if kind == Links:  # what is no text is no link, however deeply it is nested
        return {name: link for name, link in value.items() if link is None or type(link) is str}
    return {str(key): _plain(each) for key, each in value.items()}


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
        raise TypeError("must be a date as text")
    return _date(value)


def _structure_exactly(kind: type[R]) -> Callable[[Any, Any], R]:
    def structure(value: Any, _: Any) -> R:
        if type(value) is not kind:
            raise TypeError(f"must be {kind.__name__}")
        return value

    return structure


def _structure_number(value: Any, _: Any) -> float:
    # The description of an average says integer, and its example 0.0.
    if type(value) not in (int, float):
        raise TypeError("must be a number")
    return float(value)


def _whole(key: str) -> int:
    # int() takes underscores, spaces, and digits of other scripts.
    if not _WHOLE.fullmatch(key):
        raise ValueError("must be a whole number")
    return int(key)


def _has_numbers_for_keys(kind: Any) -> bool:
    return get_origin(kind) is dict and get_args(kind)[0] is int


def _structure_numbered(converter: cattrs.Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """Make hooks for objects whose keys are whole numbers, which JSON has to write as text."""

    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        def structure(value: Any, _: Any) -> dict[int, Any]:
            if not isinstance(value, dict):
                raise TypeError("must be an object")
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
        lambda kind: kind == JsonText, lambda value, _: json_or_text(value)
    )
    converter.register_structure_hook_func(
        lambda kind: kind in (Links, JsonObject), _structure_exactly(dict)
    )

    def without_headers(kind: type[Any]) -> Callable[[Any, Any], Any]:
        omitted: dict[str, Any] = {
            field.name: override(omit=True)
            for field in attrs.fields(kind)
            if _HEADER in field.metadata
        }
        fill = make_dict_structure_fn(kind, converter, **omitted)

        def structure(value: Any, _: Any) -> Any:
            # A text or a list would pass for an object in which everything is left out.
            if not isinstance(value, dict):
                raise TypeError("must be an object")
            return fill(value, kind)

        return structure

    converter.register_structure_hook_factory(attrs.has, without_headers)
    return converter


_CONVERTER = _converter()


class _Meta(msgspec.Struct):
    key: str
    next_page_url: str | None = None


@cache
def _decoder(resource: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(resource)


@cache
def _page_decoder(resource: type[Any], key: str) -> msgspec.json.Decoder[Any]:
    rows = ("rows", list[resource], msgspec.field(name=key))  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("Page", [rows, ("meta", _Meta)]))


class _Slot(NamedTuple):
    """A field of a frozen class: its slot can be set, as its ``__init__`` does."""

    get: Callable[[Any], Any]
    set: Callable[[Any, Any], None]


@cache
def _slots(resource: type[Any]) -> tuple[list[_Slot], list[_Slot]]:
    """Return the fields that are JSON as text, and those that come from a header."""
    fields = attrs.fields(resource)

    def slot(name: str) -> _Slot:
        return _Slot(attrgetter(name), getattr(resource, name).__set__)

    texts = [slot(field.name) for field in fields if field.type == JsonText]
    return texts, [slot(field.name) for field in fields if _HEADER in field.metadata]


def _complete(rows: Iterable[Any], resource: type[Any], etag: str | None) -> None:
    """Decode the JSON texts in resources that nobody has yet, and set what came from a header."""
    texts, headers = _slots(resource)  # type: ignore[arg-type]  # classes hash
    for get, put in texts:
        for row in rows:
            text = get(row)
            if text == "{}":
                put(row, {})
            elif text is not None:
                put(row, json_or_text(text))
    for _, put in headers:
        for row in rows:
            put(row, etag)


def _check_utf8(body: bytes) -> None:
    # msgspec looks into the texts of known fields only.
    if not body.isascii():
        body.decode()


def _document(body: bytes) -> Any:
    document = loads(body)
    if document is None:
        raise JsonSyntaxError("nothing but null")
    return document


def _members(document: Any) -> tuple[dict[str, Any], list[Any]]:
    if not isinstance(document, dict):
        raise ValueError(f"not an object but {type(document).__name__}")
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("meta is not an object")
    key = meta.get("key")
    if key is None:
        lists = [value for value in document.values() if isinstance(value, list)]
        rows = lists[0] if len(lists) == 1 else None
    else:
        rows = document.get(key) if isinstance(key, str) else None
    if not isinstance(rows, list):
        raise ValueError("the list that meta.key names is not there")
    return meta, rows


def _next_page(meta: dict[str, Any]) -> str | None:
    following = meta.get("next_page_url")
    if following is not None and not isinstance(following, str):
        raise ValueError("meta.next_page_url is not text")
    return following


def _only(kind: Any) -> Any:
    """Return X for ``X | None``, and anything else as it is."""
    kinds = [each for each in get_args(kind) if each is not type(None)]
    return kinds[0] if len(kinds) == 1 and len(get_args(kind)) > 1 else kind
