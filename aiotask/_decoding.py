"""What the service answers -> resources, and resources -> what the service answers; no I/O.

cattrs decides what is accepted, and explains what is not. Rows of the documented shape, which is
nearly all of them, take a straight-line function instead that is generated once for each resource:
it accepts no more than cattrs does, and costs a third (``benchmarks/bench_list.py``).
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

import attrs
import cattrs
import orjson
from cattrs.gen import make_dict_structure_fn, override

from aiotask._encoding import utc_text

R = TypeVar("R")


class _JsonText:
    """Marks a field that is a JSON document as text on the wire."""


# Twilio's own examples hold a workflow configuration that is not JSON; what cannot be parsed stays
# the text that it is, so that one old row never makes a listing unreadable.
JsonText = Annotated[Any, _JsonText]
JsonObject = dict[str, Any]
Links = dict[str, str]

# What is nested deeper than orjson writes could be neither sent again nor printed. So it counts as
# what cannot be parsed, which only a text of twice as many characters can be.
_DEEPEST = 254

_HEADER = "aiotask_header"
_WHOLE = re.compile("-?[0-9]{1,18}")

# What a row that is not as documented makes of the straight-line function.
_MISMATCHES = (TypeError, ValueError, KeyError, AttributeError, cattrs.BaseValidationError)


def from_header() -> Any:
    """Declare a field that comes from a header of the answer, not from its body."""
    return attrs.field(default=None, metadata={_HEADER: True})


def decode(document: Any, resource: type[R], etag: str | None = None) -> R:
    """Return *document* as a *resource*; a ValueError says what is not as documented."""
    try:
        built: R = _straight(resource)(document, etag)  # type: ignore[arg-type]  # classes hash
    except _MISMATCHES:
        return _explained(document, resource, etag)
    return built


def decode_all(documents: list[Any], resource: type[R]) -> list[R]:
    """Return *documents*, the rows of a page, each as a *resource*."""
    build = _straight(resource)  # type: ignore[arg-type]  # classes hash
    try:
        return [build(document, None) for document in documents]
    except _MISMATCHES:
        return [decode(document, resource) for document in documents]


def loads(text: bytes | str) -> Any:
    """Parse JSON strictly (no NaN, no bad UTF-8, no bottomless nesting), or raise a ValueError."""
    return orjson.loads(text)


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
        return value if isinstance(value, str) else orjson.dumps(value).decode()
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
        date = datetime.fromisoformat(text)
    except ValueError:
        # Some fields are documented as RFC 2822 although every known answer is ISO 8601.
        date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def json_or_text(text: Any) -> Any:
    """Return what a text is as JSON, or the text itself where it is none."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("must be JSON as text")
    try:
        document = orjson.loads(text)
        if text.count("[") + text.count("{") > _DEEPEST:
            orjson.dumps(document)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return text
    return document


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


def _explained(document: Any, resource: type[R], etag: str | None) -> R:
    if not isinstance(document, Mapping):
        raise ValueError(f"not an object but {type(document).__name__}")
    try:
        built = _CONVERTER.structure(document, resource)
    except cattrs.ClassValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error))) from error
    headers = [field.name for field in attrs.fields(resource) if _HEADER in field.metadata]  # type: ignore[arg-type]  # R is attrs
    return attrs.evolve(built, **dict.fromkeys(headers, etag))  # type: ignore[misc]  # R is attrs


@cache
def _straight(resource: type[Any]) -> Callable[[Any, str | None], Any]:
    """Generate the function that builds a *resource* from a row of the documented shape.

    Filling the slots of a plain class and then telling the object what it is takes half the time
    of a frozen ``__init__`` with two dozen arguments, which sets each through ``object``.
    """
    fields = attrs.fields(resource)
    own = [field.name for field in fields if not field.inherited]
    # Of the same base and with the same slots, so that Python lets one turn into the other.
    body = {"__slots__": own, "__setattr__": object.__setattr__}
    shell = type("Shell", resource.__bases__, body)
    names: dict[str, Any] = {"Shell": shell, "new": object.__new__, "resource": resource}
    names |= {"date": datetime.fromisoformat, "loads": orjson.loads, "Mismatch": TypeError}
    names["json_or_text"] = json_or_text
    lines = ["def build(row, etag):", "get = row.get", "made = new(Shell)"]
    for field in fields:
        lines += _statements(field, names)
    lines += ["made.__class__ = resource", "return made"]
    exec("\n ".join(lines), names)  # noqa: S102 - made of the names of our own fields alone
    build: Callable[[Any, str | None], Any] = names["build"]
    return build


def _statements(field: "attrs.Attribute[Any]", names: dict[str, Any]) -> list[str]:
    """Write down how one field is taken from its row; what it needs is added to *names*."""
    name, slot, kind = field.name, f"made.{field.name}", field.type
    if _HEADER in field.metadata:
        return [f"{slot} = etag"]
    if kind == JsonText:
        short = f"loads(v) if len(v) <= {2 * _DEEPEST} else json_or_text(v)"
        parsed = f"{{}} if v == '{{}}' else None if v is None else {short}"
        return [f"v = get({name!r})", f"{slot} = {parsed}"]
    required = field.default is attrs.NOTHING
    exact = _only(kind) if field.default is None else kind
    value = f"row[{name!r}]" if required else f"get({name!r})"
    if exact is datetime and (required or field.default is None):
        spared = "" if required else "v is not None and "
        parsed = "date(v)" if required else "None if v is None else date(v)"
        wrong = f"{spared}moment.tzinfo is None"
        return [f"v = {value}", f"{slot} = moment = {parsed}", f"if {wrong}: raise Mismatch"]
    exact = dict if exact in (Links, JsonObject) else exact
    if exact in (str, int, bool, dict) and (required or field.default is None):
        names[exact.__name__] = exact
        spared = "" if required else " and v is not None"
        wrong = f"v.__class__ is not {exact.__name__}{spared}"
        return [f"{slot} = v = {value}", f"if {wrong}: raise Mismatch"]
    names[f"structure_{name}"] = _CONVERTER.get_structure_hook(kind)
    names[f"type_{name}"] = kind
    structured = f"{slot} = structure_{name}(row[{name!r}], type_{name})"
    if required:
        return [structured]
    names[f"default_{name}"] = field.default
    return [f"if {name!r} in row: {structured}", f"else: {slot} = default_{name}"]


def _only(kind: Any) -> Any:
    """Return X for ``X | None``, and anything else as it is."""
    kinds = [each for each in get_args(kind) if each is not type(None)]
    return kinds[0] if len(kinds) == 1 and len(get_args(kind)) > 1 else kind
