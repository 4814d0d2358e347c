"""The declared classes against Twilio's API description, in both directions.

The table is written by hand; reflection compares it with the code, and one request of each
operation, with every parameter it has, is compared on the wire.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlsplit

import attrs
import msgspec
import pytest

from aiotask import Client
from aiotask._collection import Collection, Singleton
from aiotask._decoding import AwareDatetime, JsonObject, JsonText, Links, OptionalLinks
from aiotask._encoding import _plan, field_types, wire_name
from tests.conftest import answer
from tests.documented_api import OPERATIONS, RESOURCES

VERBS = ("create", "fetch", "update", "delete", "list")
SIDS = {
    prefix: prefix + 32 * digit
    for prefix, digit in zip(
        ["WS", "WT", "WW", "WQ", "WK", "WR", "WA", "EV", "CA", "UA"], "0123456789", strict=True
    )
}
PLACES = {
    "workspace": "WS", "task": "WT", "workflow": "WW", "task_queue": "WQ", "worker": "WK",
    "assistant": "UA",
}  # fmt: skip
NAMES = {
    SIDS["WT"]: "{TaskSid}", SIDS["WW"]: "{WorkflowSid}", SIDS["WQ"]: "{TaskQueueSid}",
    SIDS["WK"]: "{WorkerSid}", f"/v1/Workspaces/{SIDS['WS']}": "...",
    SIDS["UA"]: "{AssistantSid}",
}  # fmt: skip


class Operation(NamedTuple):
    way: str
    verb: str
    method: str
    path: str
    resource: str
    etag: bool
    parameters: set[str]


def blocks(table: str) -> Iterator[tuple[str, list[str]]]:
    lines: list[str] = []
    for line in reversed(table.strip().splitlines()):
        if line.startswith(" "):
            lines.insert(0, line)
        else:
            yield line, lines
            lines = []


def operation(title: str, lines: list[str]) -> Operation:
    way, verb = title.split()
    request, _, answered = lines[0].partition(" -> ")
    method, path = request.split()
    resource, _, etag = answered.partition(" ")
    parameters = set(" ".join(lines[1:]).split())
    return Operation(way, verb, method, path, resource, etag == "ETag", parameters)


DOCUMENTED = {title: operation(title, lines) for title, lines in blocks(OPERATIONS)}
FIELDS = {title: set(" ".join(lines).split()) for title, lines in blocks(RESOURCES)}


def at(client: Client, way: str) -> Any:
    """Follow a way in the tree: a place takes its sid, a collection is an attribute."""
    place: Any = client.autopilot if way.startswith("assistant") else client.taskrouter
    for step in way.split("."):
        place = getattr(place, step)(SIDS[PLACES[step]]) if step in PLACES else getattr(place, step)
    return place


def ways(place: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Find every collection and singleton that can be reached in the tree."""
    if isinstance(place, Collection | Singleton):
        yield prefix, place
    for name in dir(type(place)):
        if name.startswith("_") or name in (*VERBS, "resource", "sid", "name", "key", "shown_as"):
            continue
        member = getattr(place, name)
        further = f"{prefix}.{name}".lstrip(".")
        if name in PLACES:
            yield from ways(member(SIDS[PLACES[name]]), further)
        elif not inspect.ismethod(member):
            yield from ways(member, further)


LETTERS: list[tuple[Any, str]] = [
    (str, "s"), (int, "i"), (float, "f"), (bool, "b"), (datetime, "d"), (AwareDatetime, "d"),
    (Mapping, "j"),
    (JsonText, "j"), (Links, "l"), (OptionalLinks, "l"), (JsonObject, "o"),
]  # fmt: skip


def letter(kind: Any) -> str:
    kinds = [each for each in get_args(kind) if each is not type(None)]
    plain = kinds[0] if type(None) in get_args(kind) else kind
    found = next((one for known, one in LETTERS if known in (kind, plain)), None)
    if found is not None:
        return found
    if attrs.has(plain):
        return str(plain.__name__)
    held = [letter(each) for each in get_args(plain)]
    return f"[{held[0]}]" if get_origin(plain) is list else f"{{{held[0]}:{held[1]}}}"


def shape_of(method: Callable[..., Any]) -> Any:
    """Return the TypedDict of an operation's fields, None where it takes none."""
    variable = [
        name
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind is parameter.VAR_KEYWORD
    ]
    return get_args(get_type_hints(method)[variable[0]])[0] if variable else None


def declared(method: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(method).parameters
    found = {"If-Match"} if "if_match" in parameters else set()
    shape = shape_of(method)
    if shape is None:
        return found
    hints = get_type_hints(shape, include_extras=True)
    for name, kind in field_types(shape).items():
        several = "*" if "Sequence" in str(hints[name]) and "str | " not in str(hints[name]) else ""
        needed = "!" if name in shape.__required_keys__ else ""
        # The one operation with a body of JSON has another way with names.
        wire = "queueSids" if name == "queue_sids" else wire_name(name)
        found.add(f"{wire}:{several}{letter(kind)}{needed}")
    return found


def test_every_operation_is_there_and_no_other(far_client: Client) -> None:
    roots = [far_client.taskrouter, far_client.autopilot]
    found = {
        f"{way} {verb}"
        for root in roots
        for way, place in ways(root)
        for verb in VERBS
        if hasattr(place, verb)
    }
    assert found == set(DOCUMENTED)
    assert len(found) == 61 + 5


@pytest.mark.parametrize("title", DOCUMENTED)
def test_an_operation_takes_the_documented_parameters(far_client: Client, title: str) -> None:
    documented = DOCUMENTED[title]
    place = at(far_client, documented.way)
    assert declared(getattr(place, documented.verb)) == documented.parameters


@pytest.mark.parametrize("title", DOCUMENTED)
def test_an_operation_answers_with_the_documented_resource(far_client: Client, title: str) -> None:
    documented = DOCUMENTED[title]
    place = at(far_client, documented.way)
    resource = place.resource
    if documented.verb == "list":
        assert documented.resource == f"[{resource.__name__}]"
    elif documented.verb != "delete":
        assert documented.resource == resource.__name__
        assert documented.etag == any(field.metadata for field in attrs.fields(resource))


@pytest.mark.parametrize("name", FIELDS)
def test_a_resource_has_the_documented_fields(far_client: Client, name: str) -> None:
    seen: dict[str, Any] = {}

    def look(kind: Any) -> None:
        if attrs.has(kind):
            seen[kind.__name__] = kind
            for field in attrs.fields(kind):
                look(field.type)
        for each in get_args(kind):
            look(each)

    for documented in DOCUMENTED.values():
        look(at(far_client, documented.way).resource)
    found = set()
    for field in attrs.fields(seen[name]):
        kind = "h" if field.metadata else letter(field.type)
        found.add(f"{field.name}:{kind}{'!' if field.default is attrs.NOTHING else ''}")
    assert found == FIELDS[name]
    assert set(seen) == set(FIELDS)


MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
URL = "https://example.com/callback"
SAMPLES: list[Any] = ["x", *SIDS.values(), 2, True, {"a": 1}, MOMENT, [5, 30], URL]


def fitting(check: Callable[[Any], object]) -> Any:
    """Return the first sample that is not refused."""
    for value in SAMPLES:
        try:
            check(value)
        except ValueError:
            continue
        return value
    raise AssertionError("no sample fits")


def sample(shape: Any, name: str) -> Any:
    field = _plan(shape).fields[name]
    return fitting(lambda value: field.write(value, []))


ANSWER = answer(msgspec.json.encode({"sid": "XX", "rows": [], "meta": {"key": "rows"}}))


@pytest.mark.parametrize("title", DOCUMENTED)
async def test_an_operation_is_sent_as_documented(serve: Callable[..., Any], title: str) -> None:
    documented = DOCUMENTED[title]
    server, client = await serve(ANSWER)
    place = at(client, documented.way)
    method = getattr(place, documented.verb)
    shape = shape_of(method)
    fields = {name: sample(shape, name) for name in field_types(shape)} if shape else {}
    control = {"if_match": '"3"'} if "If-Match" in documented.parameters else {}
    named = [fitting(place.sid)] if "{Sid}" in documented.path else []
    if documented.verb == "list":
        await method(**fields).all()
    else:
        await method(*named, **control, **fields)
    (request,) = server.requests
    head, _, body = request.decode().partition("\r\n\r\n")
    verb, target, _ = head.split("\r\n")[0].split()
    path = urlsplit(target).path
    for sid in named:
        path = f"{path.removesuffix(sid)}{{Sid}}"
    for sid, name in NAMES.items():
        path = path.replace(sid, name)
    assert (verb, path) == (documented.method, documented.path)
    assert ('If-Match: "3"' in head) == ("If-Match" in documented.parameters)
    json = "Content-Type: application/json" in head
    sent = set(msgspec.json.decode(body)) if json else {k for k, _ in parse_qsl(body)}
    asked = {k for k, _ in parse_qsl(urlsplit(target).query)} - {"PageSize"}
    names = {each.partition(":")[0] for each in documented.parameters} - {"If-Match"}
    assert (asked, sent) == ((names, set()) if verb == "GET" else (set(), names))
